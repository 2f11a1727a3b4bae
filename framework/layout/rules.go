package layout

import (
	"cmp"
	"fmt"
	"slices"
)

// Rule is something that must hold of a layout or of what it is made from.
type Rule struct {
	Code     string   // stable: "LAYOUT-007"
	Severity Severity // the usual one; a problem says its own
	Sentence string   // what must hold
	Fix      string   // what to do when it does not
}

// Rules lists every rule, by code.
func Rules() []Rule { return slices.Clone(rules[1:]) }

type rule int

const (
	ruleMode rule = iota + 1
	ruleType
	ruleDuplicate
	ruleName
	ruleEmptyItem
	ruleMissing
	ruleUnused
	ruleClash
	ruleTwoDomains
	ruleTwoPools
	ruleUnknownDevice
	ruleRefusedDevice
	ruleElsewhere
	ruleUnwished
	ruleAddress
	ruleStandingSDS
	ruleOneOfAKind
	ruleFaultSetForAll
	ruleThreeFaultSets
	ruleStandingFaultSet
	ruleThreeUnits
	ruleHalf
	ruleMedian
	ruleMedia
	rulePoolName
	ruleCounts
	ruleDeviceSize
	ruleCapacity
	ruleSpare
	ruleUnknownPool
	ruleNothingToConsume
)

// The table is indexed by the constants above; a code, once published, keeps its meaning for ever.
var rules = [...]Rule{
	ruleMode: {"LAYOUT-001", Error, "The pool mode is global or imperative, and what it needs is given.",
		"set pool.mode to global or imperative, and the default protection domain and pool to legal names"},
	ruleType: {"LAYOUT-002", Error, "A scaleio attribute is a text, or a number that is read as the name it was; a range or a set is refused.",
		"write the names separated by commas, without brackets and braces, and restart the agent"},
	ruleDuplicate: {"LAYOUT-003", Error, "A scaleio attribute is given once.",
		"keep one of them, and restart the agent"},
	ruleName: {"LAYOUT-004", Error, "Names of protection domains, pools and fault sets have 1 to 31 characters: ASCII letters, digits and punctuation, without blank, comma and slash.",
		"choose a legal name, and restart the agent"},
	ruleEmptyItem: {"LAYOUT-005", Warning, "A list in an attribute names each item once and has no empty item.",
		"take the extra comma or item out at the next restart of the agent"},
	ruleMissing: {"LAYOUT-006", Error, "A listed protection domain has an attribute with its pools, and a listed pool one with its devices.",
		"add the missing attribute or take the name off the list, and restart the agent"},
	ruleUnused: {"LAYOUT-007", Warning, "Every scaleio attribute is reached from scaleio-sds-domains or scaleio-sdc-domains; without either it is an error, so that a misspelt name never hands over every disk.",
		"correct the attribute's name or list it where it belongs, and restart the agent"},
	ruleClash: {"LAYOUT-008", Error, "An attribute has one meaning: a protection domain and a pool of one name need scaleio-sds-<domain>.<pool>, and no domain is called domains.",
		"name the pool's devices in scaleio-sds-<domain>.<pool>, or rename one of them, and restart the agent"},
	ruleTwoDomains: {"LAYOUT-009", Error, "An agent provides to one protection domain: an SDS belongs to one.",
		"keep one domain in scaleio-sds-domains, and restart the agent; several pools of one domain are fine"},
	ruleTwoPools: {"LAYOUT-010", Error, "A device is named for one pool.",
		"name the device for one pool only, and restart the agent"},
	ruleUnknownDevice: {"LAYOUT-011", Error, "A device that an attribute names is there, as a whole disk.",
		"name one of the agent's disks by its path or its link under /dev/disk/by-id, or plug the disk in, and restart the agent"},
	ruleRefusedDevice: {"LAYOUT-012", Error, "A device that an attribute names passes every check.",
		"see to it that the disk is free (nothing here wipes one) or take it off the attribute"},
	ruleElsewhere: {"LAYOUT-013", Error, "A device that is attached already sits in the pool that the attribute names.",
		"name the pool where it is, or have the device removed from ScaleIO first: it is never moved by itself"},
	ruleUnwished: {"LAYOUT-014", Warning, "A device that is attached is named by an attribute.",
		"nothing is removed by itself: remove the device by command, or name it again"},
	ruleAddress: {"LAYOUT-015", Error, "An agent that provides has an address, inside network if that is set.",
		"give the agent an address in the network, or correct the option network"},
	ruleStandingSDS: {"LAYOUT-016", Error, "An SDS that ScaleIO has already for this agent, by address or by name, is in the wished domain and has one of the agent's addresses.",
		"keep the domain and the address that the SDS has, or remove the SDS from ScaleIO first: it is never moved by itself"},
	ruleOneOfAKind: {"LAYOUT-017", Error, "Agents, their addresses, their devices' ids and their disks are one of their kind.",
		"let one agent alone have it: two SDSs on one disk or address would destroy each other's data"},
	ruleFaultSetForAll: {"LAYOUT-018", Error, "In a protection domain either every SDS has a fault set or none has.",
		"give each agent of the domain its fault set (attribute scaleio-fault-set, or the source of pool.fault_set_by), or none"},
	ruleThreeFaultSets: {"LAYOUT-019", Error, "A protection domain has no fault sets or at least three.",
		"spread its agents over three fault sets, or use none"},
	ruleStandingFaultSet: {"LAYOUT-020", Error, "An SDS that is there already has the wished fault set: it never changes it.",
		"wish for the fault set that it has, or remove the SDS from ScaleIO first"},
	ruleThreeUnits: {"LAYOUT-021", Error, "A pool has devices on at least three fault units (fault sets, or SDSs without one): ScaleIO refuses the first volume otherwise.",
		"bring devices of more agents (fault sets) into this pool, or these devices into another pool"},
	ruleHalf: {"LAYOUT-022", Error, "No fault unit holds more than half of a pool: what is above cannot be mirrored.",
		"move devices of that fault unit to another pool, or add devices to the others"},
	ruleMedian: {"LAYOUT-023", Warning, "No fault unit of a pool holds more than 1.5 times the median of all.",
		"add devices to the smaller fault units: the spare capacity is as large as the largest one"},
	ruleMedia: {"LAYOUT-024", Error, "A pool has devices of one media type, HDD or SSD.",
		"give each media type a pool of its own, or exclude the devices of one (devices.exclude)"},
	rulePoolName: {"LAYOUT-025", Error, "A pool's name is one of its kind in the whole system: REX-Ray finds a pool by its name alone.",
		"rename one of the pools"},
	ruleCounts: {"LAYOUT-026", Error, "Counts stay within the limits that the system states, or else within those of ScaleIO 2.0: 64 devices and 64 TiB for an SDS, 300 devices for a pool, 128 SDSs, 64 pools and 64 fault sets for a domain, 256 domains and 1024 SDSs in all.",
		"use more pools or protection domains"},
	ruleDeviceSize: {"LAYOUT-027", Warning, "A device has at most 8 TiB where the system states no limit of its own (below its minimum, or above a maximum that it states, a device fails the check size).",
		"check the release notes of the ScaleIO version, or use smaller disks"},
	ruleCapacity: {"LAYOUT-028", Warning, "A pool has at least 300 GB.",
		"add devices to the pool"},
	ruleSpare: {"LAYOUT-029", Warning, "The spare capacity of a pool is at least its largest fault unit, and the pool has room for it.",
		"free capacity in the pool or add devices: ScaleIO refuses to raise the spare percentage as long as the room is missing"},
	ruleUnknownPool: {"LAYOUT-030", Error, "A pool that an agent is to consume exists, or some agent provides to it.",
		"correct the attribute (and restart the agent) or the option rexray.default_pool"},
	ruleNothingToConsume: {"LAYOUT-031", Warning, "Every agent has a pool to consume.",
		"set scaleio-sdc-domains and scaleio-sdc-<domain> on these agents, or make the default pool one that exists"},
}

// problem is the rule not kept, with its usual severity.
func (r rule) problem(node, format string, args ...any) Problem {
	return Problem{Code: rules[r].Code, Severity: rules[r].Severity, Node: node, Message: fmt.Sprintf(format, args...), Fix: rules[r].Fix}
}

// as is the problem with another severity.
func (p Problem) as(s Severity) Problem {
	p.Severity = s
	return p
}

// sortProblems puts errors before warnings, what concerns everybody before what concerns one node, and makes equal ones one.
func sortProblems(problems []Problem) []Problem {
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(problems)
}
