"""The paying side: discover, compare, buy, join. Unprivileged; imports `wire`, `nas_tunnel` and `market` only."""
