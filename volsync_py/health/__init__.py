"""What state resources are in, and the words for it: for whoever tells people, commands and the page. Pure."""
