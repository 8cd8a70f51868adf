"""Other libraries' names for nbcnn's layers and arguments: ``Dense`` is linear, ``units`` is out_features.

They are for suggestions only; nothing is ever built from an alias.
"""

from __future__ import annotations

import re
from collections.abc import Collection

# Keys are lower-case and without "_", as ``_plain`` writes them.
_LAYERS = {
    "conv2d": ("conv", "convolution", "convolution2d", "convolutional", "crosscorrelation", "lazyconv2d"),
    "linear": ("dense", "fullyconnected", "fc", "affine", "innerproduct", "gemm", "connected", "lazylinear", "output"),
    "max_pool2d": ("maxpooling2d", "maxpooling", "maxpool", "pool", "pooling", "pool2d", "subsampling"),
    "avg_pool2d": ("averagepooling2d", "averagepooling", "averagepool", "avgpool", "meanpool", "averagepool2d"),
    "global_avg_pool2d": (
        "globalaveragepooling2d", "globalaveragepool", "globalavgpool", "gap", "globalaveragepooling",
    ),
    "global_max_pool2d": (
        "globalmaxpooling2d", "globalmaxpool", "globalmaxpooling", "adaptivemaxpool2d", "adaptivemaxpool",
    ),
    "adaptive_avg_pool2d": ("adaptiveavgpool", "adaptiveaveragepool2d", "adaptiveaveragepooling2d"),
    "zero_pad2d": ("zeropadding2d", "pad", "pad2d", "constantpad2d", "padding2d"),
    "reflect_pad2d": ("reflectionpad2d", "reflectionpad", "reflectpad"),
    "upsample": ("upsampling2d", "upsamplingnearest2d", "upsampling", "interpolate", "resize"),
    "blur_pool": ("blurpool2d", "antialias", "maxblurpool2d"),
    "group_norm": ("groupnormalization", "gn"),
    "layer_norm": ("layernormalization", "ln"),
    "flatten": ("reshape", "view", "unflatten"),
    "relu": ("rectifier", "rectifiedlinear", "rectifiedlinearunit"),
    "sigmoid": ("logistic", "sigm"),
    "tanh": ("hyperbolictangent", "tangens"),
    "silu": ("swish",),
    "hardswish": ("hswish",),
    "leaky_relu": ("lrelu",),
    "sequential": ("block", "container", "stack"),
    "batch_norm2d": ("batchnorm", "batchnormalization", "bn", "spatialbatchnorm"),
    "residual": ("skip", "shortcut", "skipconnection", "resblock", "residualblock"),
    "parallel": ("branches", "concat", "concatenate", "inception", "fork", "split"),
    "dense": ("denseblock",),
}  # fmt: skip
_KEYS = {
    "out_features": ("units", "neurons", "outputs", "outputdim", "outdim", "outputsize", "numoutput", "nout", "size"),
    "out_channels": (
        "filters", "channels", "outputs", "numfilters", "nfilters", "features", "kernels", "outchannel", "numoutput",
        "outputchannels", "outplanes", "maps",
    ),
    "kernel_size": ("kernel", "kernels", "poolsize", "ksize", "kernelshape", "filtersize", "window", "size"),
    "stride": ("strides", "step", "subsample"),
    "padding": ("pad", "pads", "border", "bordermode"),
    "dilation": ("dilationrate", "dilations", "atrous"),
    "groups": ("group", "numgroup"),
    "num_groups": ("groups", "group", "numgroup"),
    "bias": ("usebias", "biasterm", "nobias"),
    "lr": ("learningrate", "baselr", "eta", "stepsize", "alpha", "initiallr", "lr0"),
    "weight_decay": ("decay", "l2", "wd", "l2regularization"),
    "eps": ("epsilon",),
    "betas": ("beta", "beta1", "beta2"),
    "epochs": ("maxepochs", "numepochs", "nepochs", "maxepoch", "iterations", "maxiter"),
    "batch_size": ("batch", "batches", "bs", "minibatch", "minibatchsize", "trainbatchsize"),
    "optimizer": ("optim", "optimiser", "solver", "updater"),
    "clip_grad_norm": ("gradclip", "clipgrad", "gradientclipval", "maxgradnorm", "clipnorm", "gradientclipping"),
    "ema": ("emadecay", "modelema", "exponentialmovingaverage", "weightaverage", "swa"),
    "early_stopping": ("earlystop", "patience", "earlystoppingpatience"),
    "label_smoothing": ("smoothing", "labelsmooth"),
    "class_weights": ("classweight", "weights", "weight"),
    "seed": ("randomstate", "randomseed", "rngseed", "manualseed"),
    "init": ("initializer", "kernelinitializer", "weightinit", "initialization", "initialisation"),
    "checkpoint_every": ("saveevery", "savefreq", "saveperiod", "saveinterval", "snapshot"),
    "augment": ("augmentation", "augmentations", "transform", "transforms"),
    "threads": ("numthreads", "nthreads", "jobs", "njobs"),
    "channels": ("c", "depth", "inchannels", "planes"),
    "height": ("h", "rows"),
    "width": ("w", "columns", "cols"),
    "input": ("inputshape", "inputsize", "imagesize", "image", "inputs"),
    "layers": ("model", "network", "architecture", "backbone", "layer", "net", "modules", "body"),
    "backends": ("kernels", "backend", "kernelbackend"),
    "data": ("dataset", "datasets", "dataloader"),
    "train": ("training", "trainer", "hyperparameters", "hyp", "hparams", "fit"),
    "name": ("title", "modelname", "dataset"),
    "folder": ("path", "root", "dir", "directory", "datapath"),
    "size": ("imagesize", "imgsize", "targetsize", "resize"),
    "grayscale": ("greyscale", "gray", "grey"),
}  # fmt: skip

_SCHEDULES = {
    "constant": ("constantlr", "none", "fixed"),
    "step": ("steplr",),
    "multi_step": ("multisteplr", "piecewise", "piecewiseconstant"),
    "cosine": ("cosineannealinglr", "cosineannealing", "cosinedecay", "cosinelr", "cosineannealingwarmrestarts"),
    "one_cycle": ("onecyclelr", "1cycle"),
    "reduce_on_plateau": ("reducelronplateau", "plateau", "reducelr"),
}

# Spelled like a name of nbcnn's, and something else.
_ELSEWHERE = {
    "selu", "celu", "prelu", "rrelu", "mish", "softplus",
    "nadam", "adamax", "radam", "adagrad", "adadelta", "resnet",
}  # fmt: skip


def alias(name: str, known: Collection[str]) -> str | None:
    """The known layer or key that another library calls ``name``, if one does: PyTorch, Keras, Caffe, Darknet."""
    plain = _plain(name)
    for table in (_LAYERS, _KEYS, _SCHEDULES):
        for ours, theirs in table.items():
            if ours in known and plain in theirs:
                return ours
    return None


def is_elsewhere(plain: str) -> bool:
    """Whether a name (lower-case, without "_") is one of other libraries' for what nbcnn does not have."""
    return plain in _ELSEWHERE


def bare(name: str) -> str:
    """A layer's name without what code has around it: ``torch.nn.ReLU()`` is ``ReLU``."""
    inner = re.sub(r"\(.*\)\s*$", "", name.strip(), flags=re.DOTALL)
    return re.sub(r"^((torch|nn|keras|tf|tensorflow|layers|functional|F|optim|optimizers)\.)+", "", inner) or name


def _plain(name: str) -> str:
    return bare(name).lower().replace("_", "").replace("-", "")
