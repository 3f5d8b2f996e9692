# The folders of the agent, in the order of a request.
