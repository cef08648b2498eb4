{ x = 1; y = ./sub; }
