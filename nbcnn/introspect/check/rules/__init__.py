"""The rules of ``nbcnn check``: each file in this folder is one, and is found by being here."""
