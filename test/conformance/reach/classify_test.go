package conformance

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/govplatform/govplatform/internal/reach"
)

// builder makes an evaluator of a policy set.
type builder func(reach.Snapshot) evaluator

// peer is an independent evaluator.
type peer struct {
	name  string
	build builder
}

var peers = []peer{{"kube-network-policies", kubeNetworkPolicies}, {"cyclonus", cyclonus}}

// ruleSet is a set of indices into rules.
type ruleSet uint32

func (s ruleSet) contains(i int) bool { return s&(1<<i) != 0 }

// String joins the names of the rules.
func (s ruleSet) String() string {
	var names []string
	for i := range rules {
		if s.contains(i) {
			names = append(names, rules[i].name)
		}
	}
	return strings.Join(names, " + ")
}

// subsets lists the non-empty subsets, smallest first and then in the order of the rules.
func (s ruleSet) subsets() []ruleSet {
	var subsets []ruleSet
	for sub := s; sub > 0; sub = (sub - 1) & s {
		subsets = append(subsets, sub)
	}
	slices.SortFunc(subsets, func(a, b ruleSet) int {
		return cmp.Or(cmp.Compare(bits.OnesCount32(uint32(a)), bits.OnesCount32(uint32(b))), cmp.Compare(a, b))
	})
	return subsets
}

// trial compares our evaluator with one peer over one world.
type trial struct {
	world *world
	// build is our evaluator, or a mutant of it.
	build builder
	peer  peer
	// ours and theirs answer about the world as it is.
	ours, theirs evaluator
	// spelledOut are the worlds rewritten by the rules that can be spelled out, made when needed.
	spelledOut map[ruleSet]spelledOut
	// lifted are those in which, for one pair of ends, exemptions do not hold.
	lifted map[liftKey]lifted
}

type liftKey struct {
	rules    ruleSet
	from, to reach.Endpoint
}

// lifted is how to ask about the pair: the question without its port.
type lifted struct {
	ours     evaluator
	question question
}

type spelledOut struct {
	world        *world
	ours, theirs evaluator
}

func newTrial(w *world, build builder, p peer) *trial {
	return &trial{
		world: w, build: build, peer: p, ours: build(w.Snapshot), theirs: p.build(w.Snapshot), spelledOut: map[ruleSet]spelledOut{},
		lifted: map[liftKey]lifted{},
	}
}

// explain returns the smallest set of rules that explains why the peer does not give our answer, or none.
func (t *trial) explain(q question, answerOfOurs answer) (ruleSet, bool) {
	d := dispute{world: t.world, question: q, ours: answerOfOurs}
	var candidates ruleSet
	for i := range rules {
		if slices.Contains(rules[i].peers, t.peer.name) && rules[i].holds(d) {
			candidates |= 1 << i
		}
	}
	for _, set := range candidates.subsets() {
		if t.settles(set, q, answerOfOurs) {
			return set, true
		}
	}
	return 0, false
}

// settles tests the counterfactual: with the rules spelled out in the world, our answer stays, and the peer gives it; or,
// where exemptions are lifted, our answer without them is the one the peer gives.
func (t *trial) settles(set ruleSet, q question, answerOfOurs answer) bool {
	var exemptions ruleSet
	for i := range rules {
		if set.contains(i) && rules[i].lift != nil {
			exemptions |= 1 << i
		}
	}
	s := t.spellOut(set &^ exemptions)
	q = s.world.in(q)
	if s.ours(q) != answerOfOurs {
		return false
	}
	want := answerOfOurs
	if exemptions != 0 {
		want = t.lift(set, s.world, q)
	}
	return s.theirs(q) == want
}

func (t *trial) spellOut(set ruleSet) spelledOut {
	if s, ok := t.spelledOut[set]; ok {
		return s
	}
	w := t.world.deepCopy()
	for i := range rules {
		if set.contains(i) {
			rules[i].spellOut(&w)
		}
	}
	t.spelledOut[set] = spelledOut{world: &w, ours: t.build(w.Snapshot), theirs: t.peer.build(w.Snapshot)}
	return t.spelledOut[set]
}

// lift returns our answer without the exemptions of the set, in a world where the rest of it is spelled out.
func (t *trial) lift(set ruleSet, in *world, q question) answer {
	key := liftKey{rules: set, from: q.flow.From, to: q.flow.To}
	l, ok := t.lifted[key]
	if !ok {
		w := in.deepCopy()
		l.question = w.in(q)
		for i := range rules {
			if set.contains(i) && rules[i].lift != nil {
				rules[i].lift(&w, &l.question)
			}
		}
		l.ours = t.build(w.Snapshot)
		t.lifted[key] = l
	}
	asked := l.question
	asked.flow.Protocol, asked.flow.Port = q.flow.Protocol, q.flow.Port
	return l.ours(asked)
}
