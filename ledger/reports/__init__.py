"""Field metering reports: report files read as a stream, verified, exported, added up, compared, printed."""
