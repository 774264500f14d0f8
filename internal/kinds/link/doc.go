// Package link decides about data sharing links: who approved exactly what, and which
// traffic passes because of it.
package link
