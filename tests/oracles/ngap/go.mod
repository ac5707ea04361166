module airgrant.example/ngap-oracle

go 1.24

require (
	github.com/free5gc/aper v1.0.6-0.20250102035630-3ddc831eed6a
	github.com/free5gc/ngap v1.1.0
)

require (
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/tim-ywliu/nested-logrus-formatter v1.3.2 // indirect
	golang.org/x/sys v0.31.0 // indirect
)
