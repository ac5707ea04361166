module airgrant.example/free5gc

go 1.24

require (
	github.com/free5gc/openapi v1.0.0
	github.com/free5gc/pcf v1.3.0
	github.com/free5gc/pfcp v1.0.0
	github.com/free5gc/smf v1.3.0
	golang.org/x/net v0.26.0
)

require (
	github.com/antihax/optional v1.0.0 // indirect
	github.com/antonfisher/nested-logrus-formatter v1.3.0 // indirect
	github.com/aws/aws-sdk-go v1.36.7 // indirect
	github.com/cpuguy83/go-md2man/v2 v2.0.0 // indirect
	github.com/cydev/zero v0.0.0-20160322155811-4a4535dd56e7 // indirect
	github.com/dgrijalva/jwt-go v3.2.0+incompatible // indirect
	github.com/evanphx/json-patch v4.9.0+incompatible // indirect
	github.com/free5gc/MongoDBLibrary v1.0.0 // indirect
	github.com/free5gc/aper v1.0.0 // indirect
	github.com/free5gc/flowdesc v1.0.0 // indirect
	github.com/free5gc/http2_util v1.0.0 // indirect
	github.com/free5gc/http_wrapper v1.0.0 // indirect
	github.com/free5gc/idgenerator v1.0.0 // indirect
	github.com/free5gc/logger_conf v1.0.0 // indirect
	github.com/free5gc/logger_util v1.0.0 // indirect
	github.com/free5gc/nas v1.0.0 // indirect
	github.com/free5gc/ngap v1.0.0 // indirect
	github.com/free5gc/path_util v1.0.0 // indirect
	github.com/free5gc/tlv v1.0.0 // indirect
	github.com/free5gc/util_3gpp v1.0.0 // indirect
	github.com/free5gc/version v1.0.0 // indirect
	github.com/gin-contrib/cors v1.3.1 // indirect
	github.com/gin-contrib/sse v0.1.0 // indirect
	github.com/gin-gonic/gin v1.6.3 // indirect
	github.com/go-playground/locales v0.13.0 // indirect
	github.com/go-playground/universal-translator v0.17.0 // indirect
	github.com/go-playground/validator/v10 v10.4.1 // indirect
	github.com/go-stack/stack v1.8.0 // indirect
	github.com/golang/protobuf v1.4.3 // indirect
	github.com/golang/snappy v0.0.2 // indirect
	github.com/google/uuid v1.1.2 // indirect
	github.com/h2non/parth v0.0.0-20190131123155-b4df798d6542 // indirect
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	github.com/json-iterator/go v1.1.10 // indirect
	github.com/klauspost/compress v1.11.3 // indirect
	github.com/leodido/go-urn v1.2.0 // indirect
	github.com/mattn/go-isatty v0.0.12 // indirect
	github.com/mitchellh/mapstructure v1.4.0 // indirect
	github.com/modern-go/concurrent v0.0.0-20180306012644-bacd9c7ef1dd // indirect
	github.com/modern-go/reflect2 v1.0.1 // indirect
	github.com/mohae/deepcopy v0.0.0-20170929034955-c48cc78d4826 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/sirupsen/logrus v1.7.0 // indirect
	github.com/tim-ywliu/event v0.1.0 // indirect
	github.com/ugorji/go/codec v1.2.11 // indirect
	github.com/urfave/cli v1.22.5 // indirect
	github.com/xdg/scram v0.0.0-20180814205039-7eeb5667e42c // indirect
	github.com/xdg/stringprep v0.0.0-20180714160509-73f8eece6fdc // indirect
	go.mongodb.org/mongo-driver v1.4.4 // indirect
	golang.org/x/crypto v0.24.0 // indirect
	golang.org/x/oauth2 v0.0.0-20201208152858-08078c50e5b5 // indirect
	golang.org/x/sync v0.7.0 // indirect
	golang.org/x/sys v0.21.0 // indirect
	golang.org/x/text v0.16.0 // indirect
	google.golang.org/appengine v1.6.7 // indirect
	google.golang.org/protobuf v1.25.0 // indirect
	gopkg.in/h2non/gock.v1 v1.0.16 // indirect
	gopkg.in/yaml.v2 v2.4.0 // indirect
)
