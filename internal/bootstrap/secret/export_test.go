package secret

// Passed is for the spec of the documentation.
var Passed = passed
