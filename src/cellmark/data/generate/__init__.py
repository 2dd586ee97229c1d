"""What makes data: photo-like images of real ECC 200 codes with the true centre of every cell."""
