"""MCS and CQI to bits per PRB, against the efficiencies that TS 38.214 prints beside them."""

import pytest

from ran_slicing.link import (
    CQI_EFFICIENCY,
    KNOWN_REPORTS,
    MCS_EFFICIENCY,
    LinkReport,
    McsTable,
    UsualLink,
    bits_per_prb,
    mean_bits_per_prb,
)

PRINTED_MCS = {  # spectral efficiency columns of tables 5.1.3.1-1, -2 and -3: first, some in the middle, last
    McsTable.QAM64: {0: 0.2344, 9: 1.3262, 10: 1.3281, 16: 2.5703, 17: 2.5664, 28: 5.5547},
    McsTable.QAM256: {0: 0.2344, 4: 1.1758, 5: 1.4766, 10: 2.5703, 11: 2.7305, 20: 5.3320, 27: 7.4063},
    McsTable.QAM64_LOW_SE: {0: 0.0586, 5: 0.1934, 14: 1.1758, 15: 1.3281, 20: 2.4063, 21: 2.5664, 28: 4.5234},
}
PRINTED_CQI = {  # tables 5.2.2.1-2, -3 and -4
    McsTable.QAM64: {0: 0, 1: 0.1523, 6: 1.1758, 7: 1.4766, 10: 2.7305, 15: 5.5547},
    McsTable.QAM256: {0: 0, 1: 0.1523, 3: 0.8770, 4: 1.4766, 7: 2.7305, 12: 5.5547, 15: 7.4063},
    McsTable.QAM64_LOW_SE: {0: 0, 1: 0.0586, 8: 1.1758, 9: 1.4766, 12: 2.7305, 15: 4.5234},
}


@pytest.mark.parametrize(("ours", "printed"), [(MCS_EFFICIENCY, PRINTED_MCS), (CQI_EFFICIENCY, PRINTED_CQI)])
@pytest.mark.parametrize("table", list(McsTable))
def test_the_printed_efficiencies(ours, printed, table):
    for index, efficiency in printed[table].items():
        assert ours[table][index] / 2_048 == pytest.approx(efficiency, abs=5e-5)
    assert len(ours[table]) == max(printed[table]) + 1


def test_the_mcs_is_believed_where_data_moved():
    assert bits_per_prb(LinkReport(mcs=28, cqi=1, ok_blocks=99), McsTable.QAM64, 132) == 733
    assert bits_per_prb(LinkReport(mcs=28, cqi=1), McsTable.QAM64, 132) == 20
    assert bits_per_prb(LinkReport(mcs=None, cqi=15), McsTable.QAM256, 100) == 740


def test_nothing_known():
    assert bits_per_prb(LinkReport(mcs=28, cqi=None), McsTable.QAM64, 132) == 0
    assert bits_per_prb(LinkReport(mcs=None, cqi=0), McsTable.QAM64, 132) == 0


def test_lost_blocks_are_taken_off_and_one_lost_block_is_not_unknown():
    whole = bits_per_prb(LinkReport(mcs=20, cqi=None, ok_blocks=999), McsTable.QAM64, 132)
    assert bits_per_prb(LinkReport(20, None, 499, 500), McsTable.QAM64, 132) == pytest.approx(
        whole / 2, abs=1
    )
    assert 0 < bits_per_prb(LinkReport(20, None, 0, 1), McsTable.QAM64, 132) < whole


def test_layers_multiply_and_less_than_one_is_one():
    one = bits_per_prb(LinkReport(10, None, 99), McsTable.QAM64, 132)
    assert bits_per_prb(LinkReport(10, None, 99, layers_ppm=2_000_000), McsTable.QAM64, 132) in (
        2 * one,
        2 * one + 1,
    )
    assert bits_per_prb(LinkReport(10, None, 99, layers_ppm=0), McsTable.QAM64, 132) == one


def test_an_index_outside_the_table_is_its_end():
    last = bits_per_prb(LinkReport(28, None, 99), McsTable.QAM64, 132)
    assert bits_per_prb(LinkReport(31, None, 99), McsTable.QAM64, 132) == last
    assert bits_per_prb(LinkReport(-1, -1), McsTable.QAM64, 132) == 0


def test_several_ues_are_their_bits_over_their_prbs():
    assert mean_bits_per_prb([(300, 300), (100, 100)]) == 200
    assert mean_bits_per_prb([(300, 300), (100, 0)]) == 300
    assert mean_bits_per_prb([(0, 300), (0, 100)]) == 100
    assert mean_bits_per_prb([]) == 0


def test_what_a_link_usually_carries_is_weighed_by_what_a_bit_costs():
    """Half of the time 100 bits, half of it 400: a floor takes 1/100 and 1/400, and so 160 bits on average."""
    link = UsualLink()
    for index in range(KNOWN_REPORTS):
        assert link.bits_per_prb == 0
        link = link.heard(100 if index % 2 else 400)
    assert link.bits_per_prb == pytest.approx(160, abs=1)
    assert link.heard(0) == link


def test_an_older_word_of_a_link_fades():
    link = UsualLink()
    for _ in range(30):
        link = link.heard(400)
    for _ in range(200):
        link = link.heard(100)
    assert link.bits_per_prb == pytest.approx(100, abs=2)
