module weft.dev/tests/peer

go 1.26
