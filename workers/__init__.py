"""The Dramatiq workers and the ticker: what the `worker` and `clock` dynos run. The package never imports this."""
