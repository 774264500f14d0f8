// Package read has what the gatherers of all kinds read by. They read from the cache
// only, turn NotFound into nil, and fail on anything else: a lookup that failed must
// never look like "there is none".
package read
