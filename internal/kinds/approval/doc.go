// Package approval decides what an approval says about the link that it names.
package approval
