"""Networks of continuous neurons from generating functions, and dense associative memories."""
