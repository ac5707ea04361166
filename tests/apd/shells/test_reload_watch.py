"""A hostapd that reads its configuration again is noticed by a mark that is gone, and one that cannot be marked is left
alone.
"""

import asyncio

from apd.shells.reload_watch import MARK, ReloadWatch

WATCH_S = 0.01


class Hostapd:
    """Answers at once, as it is told to, and counts."""

    def __init__(self, add: str = "OK", show: str = f"{MARK} VLAN_ID=0") -> None:
        self.add, self.show, self.asked, self.reloaded = add, show, list[str](), 0

    def ask(self, command, then) -> None:
        self.asked.append(command)
        then(self.add if "ADD" in command else self.show)

    def count(self) -> None:
        self.reloaded += 1


async def passes(looks: int) -> None:
    """As much time as another one needs to look so often."""
    other = Hostapd()
    watch = ReloadWatch(other.ask, other.count, WATCH_S)
    watch.start()
    await look(other, looks)
    watch.stop()


async def look(watch_for: Hostapd, looks: int) -> None:
    async with asyncio.timeout(10):
        while watch_for.asked.count("DENY_ACL SHOW") < looks:  # noqa: ASYNC110 there is no event for it
            await asyncio.sleep(0)


def test_a_mark_that_is_gone_is_told_once(run_async):
    async def run():
        hostapd = Hostapd()
        watch = ReloadWatch(hostapd.ask, hostapd.count, WATCH_S)
        watch.start()
        watch.start()
        await look(hostapd, 3)
        assert hostapd.asked[0] == f"DENY_ACL ADD_MAC {MARK}"
        assert hostapd.asked.count(hostapd.asked[0]) == 1, "it is watched already"
        assert not hostapd.reloaded
        hostapd.show = "02:00:00:00:00:09 VLAN_ID=0"
        await look(hostapd, 4)
        reloaded: int = hostapd.reloaded
        assert reloaded == 1
        watch.start()
        assert hostapd.reloaded == reloaded, "it does not show at all"

    run_async(run())


def test_nothing_is_asked_after_the_end(run_async):
    async def run():
        hostapd = Hostapd()
        watch = ReloadWatch(hostapd.ask, hostapd.count, WATCH_S)
        watch.start()
        watch.stop()
        asked = len(hostapd.asked)
        await passes(4)
        assert len(hostapd.asked) == asked

    run_async(run())


def test_a_hostapd_that_takes_or_shows_no_mark_is_left_alone(run_async):
    async def run():
        for hostapd in (
            Hostapd(add="FAIL"),
            Hostapd(add="UNKNOWN COMMAND"),
            Hostapd(show="02:00:00:00:00:09\n" * 200),
        ):
            watch = ReloadWatch(hostapd.ask, hostapd.count, WATCH_S)
            for _ in range(2):
                watch.start()
                await passes(3)
            each = 1 if hostapd.add != "OK" else 2
            asked = len([one for one in hostapd.asked if "ADD" in one])
            assert asked == 2 * each, "again when we look around, and not before"
            assert not hostapd.reloaded
            watch.stop()

    run_async(run())


def test_a_mark_that_is_gone_before_it_was_seen_is_noticed(run_async):
    """What was set before that moment is lost, too."""

    class Reloading(Hostapd):
        def ask(self, command, then) -> None:
            put = self.asked.count(f"DENY_ACL ADD_MAC {MARK}")
            self.show = f"{MARK} VLAN_ID=0" if put > 1 else ""
            super().ask(command, then)

    async def run():
        hostapd = Reloading()
        watch = ReloadWatch(hostapd.ask, hostapd.count, WATCH_S)
        watch.start()
        assert hostapd.reloaded == 1
        watch.start()
        await look(hostapd, 4)
        assert hostapd.reloaded == 1
        watch.stop()

    run_async(run())
