import errno
import os
import stat

import pytest

from sitrep.errors import UserError
from sitrep.storage.complete import complete_file, complete_folder, link_or_copy, point_latest


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "out.jsonl"
    with complete_file(target) as partial:
        partial.write_text("all")
        assert not target.exists()
    assert target.read_text() == "all"
    assert left_in(tmp_path) == ["out.jsonl"]


@pytest.mark.parametrize("error", [ValueError("bug"), KeyboardInterrupt()])
def test_nothing_is_left_when_writing_breaks_off(tmp_path, error):
    for context in (complete_file(tmp_path / "out.csv"), complete_folder(str(tmp_path / "run"))):
        with pytest.raises(type(error)), context:
            raise error
    assert left_in(tmp_path) == []


def test_existing_output_is_kept_unless_it_is_to_be_overwritten(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    with (
        pytest.raises(UserError, match="exists already and was kept; overwrite=true replaces it"),
        complete_file(target),
    ):
        pass
    assert target.read_text() == "old"
    with complete_file(target, overwrite=True) as partial:
        partial.write_text("new")
    assert target.read_text() == "new"


def test_old_file_survives_a_failed_overwrite(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def write_half():
        with complete_file(target, overwrite=True) as partial:
            partial.write_text("ne")
            raise ValueError("half")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert target.read_text() == "old"


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "Read-only")])
def test_full_and_read_only_disks_are_the_users_to_mend(tmp_path, number, words):
    with pytest.raises(UserError, match=words), complete_file(tmp_path / "out.csv"):
        raise OSError(number, os.strerror(number))
    assert left_in(tmp_path) == []


def test_other_operating_system_errors_are_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(ConnectionError), complete_folder(str(tmp_path / "run")):
        raise ConnectionError(errno.ECONNRESET, "reset")


def test_new_file_has_the_permissions_of_any_new_file(tmp_path):
    with complete_file(tmp_path / "out.csv"):
        pass
    (tmp_path / "other").write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out.csv", "other")}
    assert len(modes) == 1


def test_folder_holds_its_name_from_the_start_and_its_content_from_the_end(tmp_path):
    with complete_folder(str(tmp_path / "run")) as (partial, final):
        (partial / "a").write_text("x")
        assert final == tmp_path / "run"
        assert not final.exists()
        with pytest.raises(UserError, match=r"run\.partial: a run is at work there"), complete_folder(str(final)):
            pass
    assert left_in(tmp_path) == ["run"]
    assert left_in(final) == ["a"]


def test_existing_folder_is_kept_and_a_taken_time_stamp_counted_on(tmp_path):
    (tmp_path / "run").mkdir()
    with (
        pytest.raises(UserError, match="exists already and was kept; choose another"),
        complete_folder(str(tmp_path / "run")),
    ):
        pass
    stamp = tmp_path / "2026-01-02_03-04-05"
    for _ in range(3):
        with complete_folder(str(stamp)):
            pass
    assert left_in(tmp_path) == ["2026-01-02_03-04-05", "2026-01-02_03-04-05-2", "2026-01-02_03-04-05-3", "run"]


def test_latest_points_at_the_newest_run_and_can_be_moved_with_it(tmp_path):
    folder = tmp_path / "train"
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        point_latest(folder / name, "train")
    assert (folder / "latest").readlink().as_posix() == "two"


def test_latest_is_made_only_in_the_jobs_own_folder_and_over_its_own_link(tmp_path):
    (tmp_path / "train" / "one").mkdir(parents=True)
    point_latest(tmp_path / "train" / "one", "evaluate")
    assert not (tmp_path / "train" / "latest").exists()
    (tmp_path / "train" / "latest").mkdir()
    point_latest(tmp_path / "train" / "one", "train")
    assert not (tmp_path / "train" / "latest").is_symlink()


def test_linked_file_is_stored_once_and_copied_where_links_cannot_be_made(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_text("all")
    link_or_copy(source, tmp_path / "linked")
    assert (tmp_path / "linked").samefile(source)

    def refuse(*_):
        raise OSError(errno.EXDEV, "other file system")

    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(source, tmp_path / "copied")
    assert not (tmp_path / "copied").samefile(source)
    assert (tmp_path / "copied").read_text() == "all"
