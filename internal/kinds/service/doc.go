// Package service decides about data services: who owns a dataset, and who asks for it.
package service
