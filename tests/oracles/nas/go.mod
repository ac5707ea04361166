module airgrant.example/nas-oracle

go 1.25

require github.com/free5gc/nas v1.2.1

require (
	github.com/free5gc/openapi v1.2.2 // indirect
	github.com/golang-jwt/jwt/v5 v5.2.2 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/tim-ywliu/nested-logrus-formatter v1.3.2 // indirect
	golang.org/x/sys v0.31.0 // indirect
)
