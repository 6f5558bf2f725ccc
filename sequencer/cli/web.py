"""`sequencer web`."""

import gc

import click


@click.command()
@click.option("--host", default="0.0.0.0", show_default=True, help="The address to listen on; the port is PORT.")
def command(host: str) -> None:
    """Serve webhooks, unsubscribe pages, the API and the dashboard, on PORT.

    Example: PORT=8000 sequencer web
    """
    # What is imported stays: looking for circles in it over and over takes a sixth of a start. `create` enables it.
    gc.disable()
    import uvicorn

    from sequencer.logs import configure
    from sequencer.settings import Settings

    settings = Settings.read()
    settings.need("SECRET_KEY", "PUBLIC_URL")
    configure(settings.log_level)
    uvicorn.run(
        "sequencer.web.app:create",
        factory=True,
        host=host,
        port=settings.port,
        workers=settings.web_concurrency,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=20,
        server_header=False,
    )
