"""Reading a workspace's folder: what is read, what is left out, and what is refused with which words."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from sequencer.errors import InvalidWorkspace
from sequencer.workspace.load import LARGEST, content_files, parts_of, read_files, sequence_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sequences").mkdir()
    (tmp_path / "content" / "sales").mkdir(parents=True)
    (tmp_path / "sequences" / "workspace.yaml").write_text("locale: en\n")
    return tmp_path


def refusal(folder: Path) -> str:
    with pytest.raises(InvalidWorkspace) as refused:
        read_files(folder)
    return str(refused.value)


def test_files_are_read_by_their_path_below_the_folder(good: Mapping[str, str]) -> None:
    assert list(good) == [
        "sequences/guide.yaml",
        "sequences/motivation.yaml",
        "sequences/signals.yaml",
        "sequences/workspace.yaml",
        "content/guides/handbook.mjml",
        "content/layouts/default.mjml",
        "content/partials/footer.mjml",
        "content/sales/faq.md",
        "content/sales/pricing.md",
        "content/sales/roi.md",
    ]


def test_sequences_content_and_parts_are_told_apart(good: Mapping[str, str]) -> None:
    assert sequence_files(good) == {"guide": "sequences/guide.yaml", "motivation": "sequences/motivation.yaml"}
    assert content_files(good) == {
        "guides/handbook": ("content/guides/handbook.mjml",),
        "sales/faq": ("content/sales/faq.md",),
        "sales/pricing": ("content/sales/pricing.md",),
        "sales/roi": ("content/sales/roi.md",),
    }
    assert list(parts_of(good, "layouts")) == ["default"]
    assert list(parts_of(good, "partials")) == ["footer"]


def test_notes_hidden_files_scenarios_and_pictures_are_left_out(folder: Path) -> None:
    (folder / "sequences" / "scenarios").mkdir()
    (folder / "content" / "_drafts").mkdir()
    for name in (
        "sequences/_old.yaml",
        "sequences/.hidden.yaml",
        "sequences/scenarios/a.yaml",
        "content/_drafts/a.md",
        "content/sales/picture.png",
        "content/readme.txt",
    ):
        (folder / name).write_text("x")
    assert list(read_files(folder)) == ["sequences/workspace.yaml"]


def test_a_byte_order_mark_is_no_content(folder: Path) -> None:
    (folder / "sequences" / "a.yaml").write_bytes(b"\xef\xbb\xbftitle: x\n")
    assert read_files(folder)["sequences/a.yaml"] == "title: x\n"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    assert refusal(folder) == f"there is no folder {folder}: expected one that holds `sequences/` and `content/`"


def test_a_folder_without_sequences_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"there is no folder {tmp_path}/sequences: expected it to hold workspace.yaml"


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(folder: Path) -> None:
    (folder / "content" / "sales" / "a.md").write_bytes("one\ntwo\nGrüße\n".encode("latin-1"))
    expected = "content/sales/a.md is not UTF-8 (line 3): save it with the encoding UTF-8"
    assert refusal(folder) == expected


def test_an_oversized_file_is_refused(folder: Path) -> None:
    (folder / "content" / "sales" / "a.md").write_text("x" * (LARGEST + 1))
    expected = "content/sales/a.md is larger than 500,000 bytes: split it, and keep images out of it"
    assert refusal(folder) == expected


def test_a_link_out_of_the_workspace_is_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.md"
    outside.write_text("secret")
    (folder / "content" / "sales" / "a.md").symlink_to(outside)
    expected = "content/sales/a.md is a link that leads out of the workspace: put the file there"
    assert refusal(folder) == expected


def test_a_linked_folder_is_refused(folder: Path) -> None:
    (folder / "content" / "again").symlink_to(folder / "content")
    assert refusal(folder) == "content/again is a link to a folder: put the files there instead"


def test_a_content_folder_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "inside" / "sequences").mkdir(parents=True)
    (tmp_path / "inside" / "content").symlink_to(tmp_path / "outside")
    expected = "content is a link that leads out of the workspace: put the file there"
    assert refusal(tmp_path / "inside") == expected


def test_a_broken_link_is_refused(folder: Path) -> None:
    (folder / "sequences" / "a.yaml").symlink_to(folder / "sequences" / "b.yaml")
    expected = "sequences/a.yaml is not a file, or a link to one that does not exist"
    assert refusal(folder) == expected


def test_a_link_inside_the_workspace_is_followed(folder: Path) -> None:
    (folder / "sequences" / "a.yaml").symlink_to(folder / "sequences" / "workspace.yaml")
    assert read_files(folder)["sequences/a.yaml"] == "locale: en\n"
