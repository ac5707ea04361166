// A MongoDB for tests: FerretDB, which speaks MongoDB's wire protocol, in front of SQLite in a folder.
//
// Usage: ferretdb FOLDER ADDRESS. Prints its URI when it listens (port 0 is any), and ends on SIGTERM. It reports to nobody.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 3 {
		fail("usage: ferretdb FOLDER ADDRESS")
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: os.Args[2]},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Handler:   "sqlite",
		SQLiteURL: "file:" + os.Args[1] + "/",
	})
	if err != nil {
		fail(err.Error())
	}
	context, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ended := make(chan error)
	go func() { ended <- server.Run(context) }()
	fmt.Println(server.MongoDBURI())
	if err := <-ended; err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "ferretdb:", why)
	os.Exit(1)
}
