"""From cells to text: lattice -> codewords -> text."""
