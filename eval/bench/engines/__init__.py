"""Which engines search the same vectors? One file each; `registry` names them."""
