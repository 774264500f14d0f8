// Package portal decides about portals: what runs of them, what it may reach, and the
// standards and platforms that it rests on.
package portal
