"""``python -m nbcnn``: the command line."""

from nbcnn.cli import main

if __name__ == "__main__":
    main()
