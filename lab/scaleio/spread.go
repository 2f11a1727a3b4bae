package scaleio

// spread says how a pool's data lies on its fault units, in the simplest way that is consistent: every pair of different units
// holds the two copies of a part of the data proportional to the product of their weights. Each change costs the same for any
// number of units. Weights are GiB, so that their squares fit for 16 PB.
type spread struct {
	units map[any]*share
	// Sums over the units: weights, lost weights, and the squares and products by which pairs within one unit are taken out.
	weight, lost, weight2, lost2, cross int64
}

type share struct{ weight, lost int64 }

// change adds to a unit's weight and to the part of it that is lost.
func (s *spread) change(unit any, weight, lost int64) {
	if s.units == nil {
		s.units = map[any]*share{}
	}
	u := s.units[unit]
	if u == nil {
		u = &share{}
		s.units[unit] = u
	}
	s.count(u, -1)
	u.weight += weight
	u.lost += lost
	s.count(u, +1)
	if *u == (share{}) {
		delete(s.units, unit)
	}
}

func (s *spread) count(u *share, sign int64) {
	s.weight += sign * u.weight
	s.lost += sign * u.lost
	s.weight2 += sign * u.weight * u.weight
	s.lost2 += sign * u.lost * u.lost
	s.cross += sign * u.weight * u.lost
}

// parts gives, of amount KiB (both copies), how much has lost one copy (that copy's KiB; as much is left) and how much both.
func (s *spread) parts(amount int64) (degraded, failed int64) {
	if s.lost == 0 || amount == 0 {
		return 0, 0
	}
	pairs := float64(s.weight*s.weight - s.weight2)
	if pairs == 0 { // one unit: there never was a second copy
		return 0, amount
	}
	both := float64(s.lost*s.lost - s.lost2)
	one := 2*float64(s.lost*s.weight-s.cross) - 2*both
	return int64(float64(amount) / 2 * one / pairs), int64(float64(amount) * both / pairs)
}

// portion is what of amount lies on weight.
func (s *spread) portion(amount, weight int64) int64 {
	if s.weight == 0 {
		return 0
	}
	return int64(float64(amount) * float64(weight) / float64(s.weight))
}
