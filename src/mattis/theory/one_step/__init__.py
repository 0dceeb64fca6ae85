"""One step of replica symmetry breaking: Hopfield's model, and Sherrington and Kirkpatrick's."""
