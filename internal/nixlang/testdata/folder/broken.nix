{ broken = 
