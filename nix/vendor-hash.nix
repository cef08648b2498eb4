"sha256-9CmcGABzxeE/iGbgDOfLCI/Th6CbcUQ+O7g+gEUg3wQ="
