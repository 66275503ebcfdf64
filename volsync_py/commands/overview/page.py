"""`volsync-py page`."""

from __future__ import annotations

from pathlib import Path

import click

from volsync_py.commands.common.cluster import Where, of_cluster


@click.command
@click.argument("name", required=False)
@click.option("-A", "--all-namespaces", is_flag=True, help="Of all namespaces.")
@click.option("-l", "--selector", default="", help="Those with these labels, such as app=db.")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write index.html into this folder, and a page of each, instead of printing one.",
)
@of_cluster
def page(name: str | None, all_namespaces: bool, selector: str, to: Path | None, where: Where) -> None:
    """Write a page to look at: all backups at a glance, with their last thirty days; of NAME, all that is known.

    It is one file of HTML, in light and in dark, without scripts, and nothing of it is loaded from elsewhere. It holds
    what you may read, and no Secret.
    """
    if name and (all_namespaces or selector or to):
        raise click.UsageError("a name is of one namespace, and one page: leave -A, -l and --to out")
    # Their imports take longer than all that `--help` needs.
    from volsync_py.commands.overview.page_answer import folder_of, page_of_all, page_of_one

    cluster = where.connect()
    if name:
        click.echo(page_of_one(cluster, name), nl=False)
    elif to is None:
        click.echo(page_of_all(cluster, all_namespaces=all_namespaces, selector=selector), nl=False)
    else:
        for path, content in folder_of(cluster, all_namespaces=all_namespaces, selector=selector):
            try:
                (to / path).parent.mkdir(parents=True, exist_ok=True)
                (to / path).write_text(content, encoding="utf-8")
            except OSError as error:
                raise click.ClickException(f"{to / path} cannot be written: {error.strerror}") from None
        click.echo(f"{to / 'index.html'} is there")
