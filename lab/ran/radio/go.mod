module airgrant.example/radio

go 1.24

require (
	github.com/free5gc/aper v1.0.6-0.20250102035630-3ddc831eed6a
	github.com/free5gc/nas v1.2.1
	github.com/free5gc/ngap v1.1.0
	golang.org/x/sys v0.31.0
)

require (
	github.com/aead/cmac v0.0.0-20160719120800-7af84192f0b1 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	github.com/tim-ywliu/nested-logrus-formatter v1.3.2 // indirect
)
