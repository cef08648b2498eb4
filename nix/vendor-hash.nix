"sha256-ZLVBbG6fHMpvCYmxGvahaKbx5bxyGUMtb9RyF0/9zI4="
