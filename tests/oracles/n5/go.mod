module airgrant.example/n5-oracle

go 1.25

require (
	github.com/free5gc/flowdesc v1.0.0
	github.com/free5gc/openapi v1.2.2
)

require github.com/golang-jwt/jwt/v5 v5.2.2 // indirect
