# The folders of the control plane, in the order of a change.
