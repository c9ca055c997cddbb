"""`python -m mnst_video`."""

from mnst_video.cli.main import main

if __name__ == "__main__":
    main()
