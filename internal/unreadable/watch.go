package unreadable

import (
	"sync"

	"k8s.io/apimachinery/pkg/watch"
)

// changed is a watch whose events are changed on their way. watch.Filter does the
// same, and waits for ever with an event that came before the watch was stopped.
type changed struct {
	incoming watch.Interface
	result   chan watch.Event
	stopped  chan struct{}
	once     sync.Once
}

func change(w watch.Interface, f func(watch.Event) watch.Event) watch.Interface {
	c := &changed{incoming: w, result: make(chan watch.Event), stopped: make(chan struct{})}
	go func() {
		defer close(c.result)
		for e := range w.ResultChan() {
			select {
			case c.result <- f(e):
			case <-c.stopped:
				return
			}
		}
	}()
	return c
}

// ResultChan implements watch.Interface.
func (c *changed) ResultChan() <-chan watch.Event { return c.result }

// Stop implements watch.Interface.
func (c *changed) Stop() {
	c.once.Do(func() { close(c.stopped) })
	c.incoming.Stop()
}
