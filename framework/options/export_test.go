package options

// FieldOf gives the pointer to the field that an option fills.
func FieldOf(option Option, o *Options) any { return option.value(o).field }
