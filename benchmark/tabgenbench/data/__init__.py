"""Tables, schemas, splits, transforms, and the files that hold them."""
