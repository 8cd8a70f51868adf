"""``python -m nbcnn``"""

from nbcnn.cli import main

if __name__ == "__main__":
    main()
