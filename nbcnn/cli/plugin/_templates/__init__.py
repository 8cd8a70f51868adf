"""What ``nbcnn plugin new`` copies: plugins that work as they are, one for each kind. They are files, not modules."""
