"""Learning-rate schedules: each file in this folder is one, the learning rate as a function of the step."""

from nbcnn.optim.schedules.base import SCHEDULES, Schedule, ScheduleConfig, Span

__all__ = ["SCHEDULES", "Schedule", "ScheduleConfig", "Span"]
