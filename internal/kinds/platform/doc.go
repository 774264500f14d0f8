// Package platform decides about shared platforms: whether they can be used, for whom,
// and that none is a duplicate.
package platform
