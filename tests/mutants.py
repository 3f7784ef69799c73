"""Mutants of what guards data: each is applied to a copy, and the named test must fail. `make mutants`."""

import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
AT_ONCE = 2
"""Mutants that are tried beside one another, each in a copy of the project."""


class Mutant(NamedTuple):
    """A guard taken away: in which file, what becomes what, and the test that must notice."""

    name: str
    file: str
    old: str
    new: str
    test: str


MUTANTS = (
    Mutant(
        "latest and manifest before data", "flows/publish.py",
        "        for file in files:\n            _put_part(", '        out.put_bytes(f"{folder}/manifest.json", manifest)\n        for file in files:\n            _put_part(',
        "tests/store/test_crash.py::test_a_version_folder_holds_its_manifest_last",
    ),
    Mutant(
        "marker before part", "tasks/store/commit.py",
        "    for name, (path, info) in files.items():\n        if file_info",
        '    work.put_bytes(f"{key}/done.json", canonical({"schema": SCHEMA, **asdict(Done(key, {n: i for n, (_, i) in files.items()}, dict(report)))}))\n    for name, (path, info) in files.items():\n        if file_info',
        "tests/store/test_commit.py::test_the_marker_comes_after_every_file_of_its_part",
    ),
    Mutant(
        "no recount", "tasks/store/spool.py", "if counted != self.rows:", "if False:",
        "tests/store/test_commit.py::test_a_file_that_holds_fewer_rows_than_were_written_is_refused",
    ),
    Mutant(
        "sizes are not looked at on resume", "tasks/store/commit.py", "return done if complete else None", "return done",
        "tests/store/test_commit.py::test_what_is_not_whole_is_not_done",
    ),
    Mutant(
        "page checksums are not verified", "tasks/shards.py", "pq.ParquetFile(path, page_checksum_verification=True)", "pq.ParquetFile(path)",
        "tests/store/test_commit.py::test_a_flipped_byte_in_a_part_is_never_read_as_data",
    ),
    Mutant(
        "verify trusts sizes", "tasks/store/verify.py", 'if file_info(local, 0).sha256 != entry["sha256"]:', "if False:",
        "tests/store/test_verify.py::test_harm_is_found_and_named",
    ),
    Mutant(
        "verify overlooks extra files", "tasks/store/verify.py", 'verdict.corrupt.extend(f"{name}: not named', 'list(f"{name}: not named',
        "tests/store/test_verify.py::test_harm_is_found_and_named",
    ),
    Mutant(
        "a split divides groups", "tasks/splits.py", 'ties = {"group": hash_texts(group)}', 'ties = {"group": hash_texts(rows["id"])}',
        "tests/steps/test_barriers.py::test_splits_are_whole_groups_near_their_shares_and_independent_of_shards",
    ),
    Mutant(
        "a split divides near-duplicates", "tasks/splits.py", "exact=False) if self.near else None", "exact=False) if False else None",
        "tests/steps/test_barriers.py::test_nearly_equal_texts_are_never_on_both_sides_unless_that_is_wanted",
    ),
    Mutant(
        "one column alike is enough", "tasks/dedup/comparison.py", "reduce(np.minimum,", "reduce(np.maximum,",
        "tests/steps/test_barriers.py::test_candidates_of_which_one_column_is_less_alike_both_stay",
    ),
    Mutant(
        "an open quote swallows rows", "tasks/sources/tabular.py", "        self._back(1)\n", "",
        "tests/sources/test_formats.py::test_a_quote_that_is_never_closed_costs_its_own_line",
    ),
    Mutant(
        "broken members of a line pass as sound", "tasks/sources/jsonlines.py", "                broken.append(line)", "                rest[line] = {}",
        "tests/sources/test_jsonlines.py::test_reading_by_columns_is_reading_line_by_line",
    ),
    Mutant(
        "what is not known passes a rule of one's own", "tasks/filters/where.py", "fill_null(0.0)", "fill_null(1.0)",
        "tests/steps/test_filters.py::test_a_users_own_expression_keeps_what_it_is_true_of",
    ),
    Mutant(
        "a card is any number", "tasks/text/piiforms.py", "total % 10 == 0", "total >= 0",
        "tests/text/test_pii.py::test_a_card_is_what_passes_luhn",
    ),
    Mutant(
        "a model that was changed is used", "flows/work/columns.py", "if file_info(path, 0).sha256 != call.files[field]:", "if False:",
        "tests/steps/test_rules.py::test_a_model_that_changed_while_the_build_ran_is_refused",
    ),
    Mutant(
        "excerpts of private rows are kept", "flows/work/columns.py", 'pl.when(~pl.col("private").fill_null(value=False))', "pl.when(True)",
        "tests/flows/test_show.py::test_private_rows_and_those_with_personal_data_are_not_shown",
    ),
    Mutant(
        "personal data is shown in the report", "flows/phases.py", '"shown": not _hides(scene)', '"shown": True',
        "tests/flows/test_show.py::test_private_rows_and_those_with_personal_data_are_not_shown",
    ),
    Mutant(
        "one alternative that fails is enough", "tasks/filters/alternatives.py", "pl.all_horizontal(group)", "pl.any_horizontal(group)",
        "tests/steps/test_rules.py::test_any_keeps_what_passes_one_group_whole",
    ),
    Mutant(
        "a threshold is the same for all languages", "tasks/filters/rule.py", "replace_strict(names, bounds, default=self.default", "replace_strict([], [], default=self.default",
        "tests/steps/test_rules.py::test_thresholds_vary_by_source_by_language_and_by_what_is_detected",
    ),
    Mutant(
        "what if forgets the filters before", "flows/what_if.py", "keeps_now = anew.get(part, kept)", "keeps_now = kept",
        "tests/flows/test_show.py::test_what_would_be_kept_is_what_a_rebuild_keeps_row_for_row",
    ),
    Mutant(
        "lines that C4 leaves run together", "tasks/text/settled.py", "parted = place < last and line[FLAGS] & PARTED != 0", "parted = False",
        "tests/text/test_peer.py::test_what_c4_leaves_is_what_the_oracle_leaves",
    ),
    Mutant(
        "a duplicate n-gram is counted twice", "tasks/text/grams.py", "        covered = at + n\n", "        covered = at\n",
        "tests/text/test_kernels.py::test_repeated_n_grams_are_those_of_the_oracle",
    ),
    Mutant(
        "n-grams that come twice are sifted out", "tasks/text/grams.py", "kept += met[np.int64(gram & mask)] > 1", "kept += met[np.int64(gram & mask)] > 3",
        "tests/text/test_kernels.py::test_repeated_n_grams_are_those_of_the_oracle",
    ),
    Mutant(
        "a long character is half marked", "tasks/text/blocks.py", "for _ in range(3):", "for _ in range(1):",
        "tests/text/test_kernels.py::test_structure_is_that_of_the_oracle",
    ),
    Mutant(
        "phrases are looked for in small letters only", "tasks/text/lines.py", "byte = byte | 0x20 if 65 <= byte <= 90 else byte", "byte = byte",
        "tests/text/test_kernels.py::test_lines_tell_what_the_oracle_tells",
    ),
    Mutant(
        "an error of writing is lost", "tasks/abreast.py", "            last.result()", "            last.exception()",
        "tests/test_abreast.py::test_what_is_done_behind_is_done_in_order_and_its_error_is_not_lost",
    ),
    Mutant(
        "a part grows with its file", "flows/work/sources.py", "if self._spool.bytes >= self._max_bytes:", "if False:",
        "tests/flows/test_walk.py::test_one_large_file_gives_parts_of_bounded_size_and_the_same_rows",
    ),
    Mutant(
        "half a page is a whole one", "tasks/sources/gutenberg.py", 'if "</html>" in page.lower():', "if page:",
        "tests/sources/test_faults.py::test_a_fault_on_the_way_is_mended_or_told",
    ),
    Mutant(
        "a bomb in a zip is unpacked", "tasks/sources/archives.py", "info.file_size > MAX_RATIO * max(info.compress_size, 1)", "False",
        "tests/sources/test_bad_input.py::test_bad_input_costs_itself_only_and_is_named",
    ),
    Mutant(
        "a store is replaced in two steps", "tasks/store/place.py", "if self.protocol not in REPLACING and", "if",
        "tests/store/test_sftp.py::test_a_reader_finds_the_old_or_the_new_at_every_moment",
    ),
    Mutant(
        "candidates are not verified", "tasks/dedup/comparison.py", 'pl.col("similarity") >= self.similarity', 'pl.col("similarity") >= 0',
        "tests/steps/test_barriers.py::test_candidates_that_are_not_alike_enough_both_stay",
    ),
    Mutant(
        "the keeper is anybody", "tasks/dedup/step.py", '"rank", -pl.col("merit")', '-pl.col("merit")',
        "tests/steps/test_barriers.py::test_the_keeper_is_of_test_before_train_and_human_before_model",
    ),
    Mutant(
        "the budget is not reserved", "tasks/growth/budget.py", "return self.spent + self.set_aside + worst <= self.budget.cap + ROUNDING", "return True",
        "tests/growth/test_growing.py::test_the_budget_is_never_passed_and_the_dataset_is_usable",
    ),
    Mutant(
        "a budget is given up while calls are under way", "tasks/growth/budget.py", "return Leave.WAIT if self._ledger", "return Leave.NO if self._ledger",
        "tests/growth/test_growing.py::test_a_purse_sets_aside_the_worst_and_books_what_it_was",
    ),
    Mutant(
        "two builds ask the same", "tasks/growth/budget.py", "SELECT 1 FROM calls WHERE key = ? AND owner != ''", "SELECT 1 FROM calls WHERE key = ? AND 0",
        "tests/growth/test_growing.py::test_a_budget_holds_over_builds_at_once_and_after_them",
    ),
    Mutant(
        "what another build has asked is asked again", "tasks/growth/budget.py", "if self._ledger.get(key) is not None:", "if False:",
        "tests/growth/test_growing.py::test_a_budget_holds_over_builds_at_once_and_after_them",
    ),
    Mutant(
        "files that are being written are read", "tasks/growth/ledger.py", 'if name.endswith(".jsonl")', "if name",
        "tests/growth/test_growing.py::test_a_ledger_reads_no_file_that_is_being_written",
    ),
    Mutant(
        "what was lost is not set aside", "tasks/growth/budget.py", "            if lost:", "            if False:",
        "tests/growth/test_growing.py::test_a_purse_sets_aside_the_worst_and_books_what_it_was",
    ),
    Mutant(
        "answers are not kept", "tasks/growth/budget.py", "self._ledger.keep(key, answer)", "pass",
        "tests/growth/test_growing.py::test_a_rerun_and_a_changed_threshold_pay_nothing",
    ),
    Mutant(
        "a dead build's calls are forgotten", "tasks/growth/ledger.py", "executemany(\"UPDATE calls SET owner = '' WHERE owner = ?\"", 'executemany("DELETE FROM calls WHERE owner = ?"',
        "tests/growth/test_growing.py::test_what_a_dead_build_was_asking_stays_set_aside_until_it_is_answered",
    ),
    Mutant(
        "segments that are gone stay gone", "tasks/growth/ledger.py", "if held - there:", "if False:",
        "tests/growth/test_growing.py::test_segments_that_are_gone_from_the_store_are_written_again",
    ),
    Mutant(
        "a call that may be billed is sent again without room", "tasks/clients/llm.py", "if unsure and not await attempts.may_resend():", "if False:",
        "tests/growth/test_growing.py::test_a_call_that_may_have_been_billed_is_sent_again_only_where_there_is_room",
    ),
    Mutant(
        "a batch that waits is sent again", "tasks/growth/batching.py", "for batch in await prefetch.batches.ours(purse.name, ledger.batches()):", "for batch in ():",
        "tests/growth/test_batching.py::test_a_build_that_was_killed_while_its_batch_waited_sends_it_once",
    ),
    Mutant(
        "a batch goes beyond the budget", "tasks/growth/batching.py", "is Leave.GO:", "is not None:",
        "tests/growth/test_batching.py::test_a_batch_goes_as_far_as_the_budget",
    ),
    Mutant(
        "a pilot asks other lots than the whole", "tasks/growth/herd.py", "begun = ROUND * (number // ROUND)", "begun = number",
        "tests/growth/test_planning.py::test_a_plan_of_a_growing_step_holds_after_a_pilot",
    ),
    Mutant(
        "a plan forgets the calls that follow", "tasks/growth/rehearsal.py", "sum(stop < place for stop in asking.stops)", "0",
        "tests/growth/test_planning.py::test_a_plan_of_a_completing_step_holds",
    ),
    Mutant(
        "a build needs no budget", "flows/build.py", "    if paying:", "    if False:",
        "tests/growth/test_planning.py::test_a_missing_budget_is_refused_with_a_figure",
    ),
    Mutant(
        "stale edits are carried out", "tasks/edits/review.py", 'if edit["hash"] != content_hash(row["input"], row["output"]):', "if False:",
        "tests/flows/test_review.py::test_edits_of_an_earlier_wording_are_refused",
    ),
    Mutant(
        "edits of another wording are taken", "flows/review.py", 'if row is None or mark.hash != row["hash"]:', "if row is None:",
        "tests/flows/test_review.py::test_edits_of_an_earlier_wording_are_refused",
    ),
    Mutant(
        "what nobody judged becomes a pair", "flows/review.py", 'if "unjudged" in also:', "if True:",
        "tests/flows/test_review.py::test_logs_become_a_sheet_and_corrected_answers_pairs",
    ),
    Mutant(
        "cells are formulas", "flows/sheets.py", "if _needs_quote(text) else text", "if False else text",
        "tests/flows/test_review.py::test_rows_go_out_and_come_back_as_edits",
    ),
    Mutant(
        "people who disagree are not heard", "flows/sheets.py", "if _disagree(said)]", "if False]",
        "tests/flows/test_review.py::test_logs_become_a_sheet_and_corrected_answers_pairs",
    ),
    Mutant(
        "slots are learnt from any split", "tasks/growth/slots.py", 'row.get("split") in (None, *self.grow)', "True",
        "tests/growth/test_slots.py::test_children_are_answered_and_stay_in_their_split",
    ),
    Mutant(
        "endpoints off the list are asked", "flows/build.py", "if not model.allowed:", "if False:",
        "tests/growth/test_completing.py::test_an_endpoint_off_the_list_is_refused_before_anything_is_asked",
    ),
    Mutant(
        "private rows are shown", "tasks/growth/engine.py", '_nobody if row["private"] else asking', "asking",
        "tests/growth/test_growing.py::test_backtranslation_keeps_the_human_text_byte_for_byte",
    ),
    Mutant(
        "growth goes on without anything new", "tasks/growth/herd.py", "mean < self._step.accept.mean", "False",
        "tests/growth/test_growing.py::test_a_model_that_finds_nothing_new_is_stopped_and_said_to",
    ),
    Mutant(
        "strays are kept", "tasks/growth/herd.py", "if self._sides.strays(row):", "if False:",
        "tests/growth/test_strategies.py::test_children_stay_in_their_split_and_strays_are_dropped",
    ),
    Mutant(
        "rows of models have no cap", "tasks/growth/herd.py", "int(step.accept.ratio * human)", "int(1e9)",
        "tests/growth/test_strategies.py::test_caps_on_the_ratio_and_on_generations_end_growing",
    ),
    Mutant(
        "generations have no cap", "tasks/growth/herd.py", 'self._depths[row["id"]] < self._step.accept.depth', "True",
        "tests/growth/test_strategies.py::test_caps_on_the_ratio_and_on_generations_end_growing",
    ),
    Mutant(
        "the weakest cell is not the next", "tasks/growth/herd.py", "key=lambda cell: (hoped[cell], self._asked[cell], cell)", "key=lambda cell: self._asked[cell]",
        "tests/growth/test_strategies.py::test_attributes_are_spread_evenly_and_what_is_refused_is_made_up_for",
    ),
    Mutant(
        "what was cut off gets no more room", "tasks/growth/reading.py", "int(min(2 * before, room))", "before + 1",
        "tests/growth/test_growing.py::test_what_was_cut_off_gets_more_room_and_what_was_broken_is_told_once",
    ),
    Mutant(
        "an answer may hold the mark", "tasks/growth/prompting.py", "if mark_of(system) in text", "if False",
        "tests/growth/test_completing.py::test_what_repeats_its_instructions_is_refused",
    ),
    Mutant(
        "an answer may repeat its instructions", "tasks/growth/prompting.py", "if runs and _runs", "if False and _runs",
        "tests/growth/test_completing.py::test_what_repeats_its_instructions_is_refused",
    ),
    Mutant(
        "the likely is kept", "tasks/growth/verbalized.py", "probability < self.tail", "True",
        "tests/growth/test_strategies.py::test_verbalized_keeps_the_tail_and_not_what_is_likely",
    ),
    Mutant(
        "nothing is eliminated", "tasks/growth/evol_instruct.py", 'if Novelty([parent["input"]]).of(text) < GAINED:', "if False:",
        "tests/growth/test_strategies.py::test_evolution_goes_on_from_the_last_of_a_line_and_the_eliminator_gives_the_parent_back",
    ),
    Mutant(
        "a rejected output may be as good", "tasks/growth/preference.py", "if high - low < self.margin:", "if False:",
        "tests/growth/test_completing.py::test_preference_keeps_what_differs_and_is_judged_worse",
    ),
    Mutant(
        "known fields may change", "tasks/growth/fill.py", "if changed and not last:", "if False:",
        "tests/growth/test_completing.py::test_fill_freezes_what_is_known_and_empties_one_bad_field",
    ),
    Mutant(
        "hidden values are shown", "tasks/growth/fill.py", "{**values, name: None}", "values",
        "tests/growth/test_completing.py::test_fill_fills_the_null_fields_only_and_measures_itself",
    ),
    Mutant(
        "what is judged too low is kept", "tasks/growth/judge.py", "if self.min is not None and score < self.min:", "if False:",
        "tests/growth/test_completing.py::test_judge_scores_by_a_rubric_and_drops_what_is_below",
    ),
    Mutant(
        "nothing is curated away", "tasks/growth/backtranslate.py", "if score < self.curate:", "if False:",
        "tests/growth/test_completing.py::test_backtranslation_curates_itself",
    ),
    Mutant(
        "the gate waits for nobody", "tasks/clients/llm.py", "turn = await rate.turn(tokens, lambda: bool(self._closed))", "turn: Any = rate.take(1e12, tokens)",
        "tests/growth/test_growing.py::test_no_call_is_made_while_the_gate_is_shut",
    ),
    Mutant(
        "a refusal shuts the gate for nobody", "tasks/clients/rate.py", "self._open_at = max(self._open_at, now + wait)", "pass",
        "tests/clients/test_rate.py::test_a_refusal_that_names_no_time_waits_longer_each_time",
    ),
    Mutant(
        "what breaks off is mended", "tasks/growth/reading.py", "if _breaks_off(text[start:]):", "if False:",
        "tests/growth/test_growing.py::test_what_breaks_off_within_a_value_is_not_mended",
    ),
    Mutant(
        "a sheet that was cut is believed", "flows/review.py", "same = not mark.hash or mark.hash ==", "same = not mark.hash or mark.hash !=",
        "tests/flows/test_review.py::test_what_a_spreadsheet_cut_is_refused_by_its_line",
    ),
    Mutant(
        "logs lose their mark of privacy", "flows/review.py", 'for name in ("licence", "private")', 'for name in ("licence",)',
        "tests/flows/test_review.py::test_what_a_log_says_beside_its_answers_is_carried_along",
    ),
    Mutant(
        "a rule relabels what a model wrote", "tasks/pairs/pairing.py", 'starts_with("model:")', 'starts_with("nobody:")',
        "tests/growth/test_odd_rows.py::test_what_a_model_wrote_stays_its_whatever_a_rule_does_to_it",
    ),
    Mutant(
        "judges see no earlier turns", "tasks/growth/strategy.py", 'for name in ("system", "turns") if', 'for name in ("system",) if',
        "tests/growth/test_odd_rows.py::test_judges_and_writers_see_what_stands_before_a_question",
    ),
    Mutant(
        "several rows of a call pass the ratio", "tasks/growth/herd.py", "min(self._step.rows, self._room)", "self._step.rows",
        "tests/growth/test_odd_rows.py::test_several_rows_of_one_call_do_not_pass_the_ratio",
    ),
    Mutant(
        "generations begin anew with a step", "tasks/growth/evol_instruct.py", 'lot.depths.get(root["id"], 0) +', "0 +",
        "tests/growth/test_odd_rows.py::test_generations_are_counted_from_the_human_row_whatever_step_they_are_of",
    ),
    Mutant(
        "a human output is written anew", "tasks/growth/growing.py", "self.schema_ is None or self.keeps_output", "self.schema_ is None",
        "tests/growth/test_odd_rows.py::test_restyling_leaves_a_human_output_alone_beside_a_schema",
    ),
    Mutant(
        "scripts without blanks have one word a line", "tasks/growth/novelty.py", "lower.split() if lower.isascii() else UNSPACED.findall(lower)", "lower.split()",
        "tests/growth/test_odd_rows.py::test_seeds_in_chinese_grow_and_copies_are_refused",
    ),
    Mutant(
        "more room to think changes nothing", "tasks/growth/ledger.py", "if request.again and model.thinking", "if False",
        "tests/growth/test_odd_rows.py::test_room_to_think_is_asked_for_again_only_where_an_answer_was_cut_off",
    ),
    Mutant(
        "strays are shown to later calls", "tasks/growth/herd.py", "if not (isinstance(row, dict) and self._sides.strays(row))", "if True",
        "tests/growth/test_odd_rows.py::test_a_candidate_that_strays_is_shown_to_no_later_call",
    ),
    Mutant(
        "a told pace reckons with the worst for ever", "tasks/clients/llm.py", "if seen.answers < TELLING:", "if True:",
        "tests/growth/test_odd_rows.py::test_a_told_pace_in_tokens_is_kept_by_what_calls_take_not_by_what_they_might",
    ),
    Mutant(
        "a key that was withdrawn empties the dataset", "tasks/clients/llm.py", "self._locked >= LOCKED", "False",
        "tests/growth/test_odd_rows.py::test_a_key_refused_once_costs_a_row_and_one_that_is_withdrawn_ends_the_build",
    ),
    Mutant(
        "one refusal is a rate whatever came after it", "tasks/clients/rate.py", "if self._later == WITNESSES:", "if False:",
        "tests/clients/test_rate.py::test_refusals_at_random_beside_a_limit_cost_little_more_than_their_waits",
    ),
    Mutant(
        "an endpoint that died is asked on and on", "tasks/clients/llm.py", "if self._given >= GIVEN", "if False",
        "tests/growth/test_odd_rows.py::test_an_endpoint_that_died_is_left_alone_and_one_that_answers_nothing_is_told",
    ),
    Mutant(
        "what comes next is as cheap as what came before", "tasks/clients/llm.py", "max(DEARER * self.dearest, 1.0)", "DEARER * self.dearest",
        "tests/growth/test_accounts.py::test_the_worst_is_the_worst_whatever_was_seen_before",
    ),
    Mutant(
        "a rate is never learnt", "tasks/clients/rate.py", "self.per_second, self._worth = most,", "self.per_second, self._worth = 1e9,",
        "tests/clients/test_rate.py::test_a_rate_that_nobody_told_is_learnt_from_few_refusals",
    ),
    Mutant(
        "a wait that was too short slows the rate", "tasks/clients/rate.py", "if answered == 0:", "if False:",
        "tests/clients/test_rate.py::test_refusals_at_random_without_a_wait_do_not_stop_a_run",
    ),
    Mutant(
        "a wait of nothing is taken at its word", "tasks/clients/rate.py", "max(seconds, LEAST_SECONDS)", "seconds",
        "tests/clients/test_rate.py::test_waits_that_are_too_short_neither_fool_the_rate_nor_bring_refusal_upon_refusal",
    ),
    Mutant(
        "a guess is as good as a rate", "tasks/clients/rate.py", "self._step, most = BOLD, max(", "self._step, most = STEP, max(",
        "tests/clients/test_rate.py::test_a_rate_that_nobody_told_is_learnt_from_few_refusals",
    ),
    Mutant(
        "noise leaves nothing right", "tasks/pairs/noise.py", "text if stays else", "text if False else",
        "tests/steps/test_noise.py::test_a_share_of_the_inputs_stays_right",
    ),
    Mutant(
        "a form tells what it does not show", "tasks/pairs/forms.py", "value if (*before, name) in shown else None", "value",
        "tests/steps/test_forms.py::test_fields_are_missing_renamed_and_reordered_at_their_rates",
    ),
    Mutant(
        "of many near pairs any are let go", "tasks/text/joining.py", "joins[pair] = a != b", "joins[pair] = a < b",
        "tests/text/test_joining.py::test_a_spanning_forest_joins_the_same_rows_by_the_first_pairs_that_do",
    ),
    Mutant(
        "a rule looks the wrong way", "tasks/filters/rule.py", "self.score >= self.low if not", "self.score <= self.low if not",
        "tests/steps/test_filters.py::test_each_quality_rule_drops_what_it_is_for",
    ),
    Mutant(
        "dropped rows come back", "tasks/shards.py", 'else frame.filter("keep")).drop("keep")', 'else frame).drop("keep")',
        "tests/flows/test_walk.py::test_rows_in_and_added_less_rows_out_are_the_dropped",
    ),
    Mutant(
        "a closed gate is passed", "flows/phases.py", 'if not report["passed"]:', "if False:",
        "tests/flows/test_gates.py::test_a_failed_gate_publishes_nothing_and_leaves_latest",
    ),
    Mutant(
        "n-grams of items pass", "tasks/text/contamination.py", "return items[at] if keys[at] == value else -1", "return -1",
        "tests/steps/test_decontamination.py::test_rows_with_items_are_dropped_and_named",
    ),
    Mutant(
        "yes contaminates", "tasks/text/contamination.py", "count > length >= FEW", "count > length",
        "tests/text/test_contamination.py::test_items_are_found_whatever_their_case_and_signs",
    ),
    Mutant(
        "old rows are drawn again", "tasks/splits.py", '.join(said, on="same"', '.join(said.head(0), on="same"',
        "tests/steps/test_carrying.py::test_a_later_build_keeps_splits_and_drops_what_would_tie_them",
    ),
    Mutant(
        "rows that tie two splits stay", "tasks/carrying.py", 'pl.when(pl.col(SPLIT) != pl.col("other"))', "pl.when(pl.col(SPLIT) != pl.col(SPLIT))",
        "tests/steps/test_carrying.py::test_after_carrying_over_no_tie_holds_two_splits_and_old_rows_keep_theirs",
    ),
    Mutant(
        "leaking splits are published", "flows/certifying.py", "if any(found.values()):", "if False:",
        "tests/flows/test_certificate.py::test_steps_after_the_split_that_make_rows_alike_refuse_the_dataset",
    ),
    Mutant(
        "the certificate looks at some rare shingles only", "tasks/text/certifying.py", "wanted = len(places) - int(", "wanted = 1 - 0 * int(",
        "tests/flows/test_certificate.py::test_no_near_pair_is_missed",
    ),
    Mutant(
        "pairs between blocks are lost", "flows/work/comparing.py", "for block in sorted(set(job.extra", 'for block in sorted({job.extra["blocks"].split()[0]} & set(job.extra',
        "tests/flows/test_comparing.py::test_partitions_and_blocks_change_nothing",
    ),
    Mutant(
        "a cell gives two before all gave one", "tasks/selection.py", "pl.when(turn == 1).then(0.0).when(", "pl.when(",
        "tests/steps/test_selection.py::test_every_cell_gives_one_before_any_gives_two_and_lacks_are_told",
    ),
    Mutant(
        "short and long texts never meet", "tasks/text/shingles.py", "if count < LONG else 0", "if count < SHORT else 0",
        "tests/text/test_kernels.py::test_texts_on_both_sides_of_a_bound_are_still_compared",
    ),
    Mutant(
        "a component is filled beyond its split", "tasks/filling.py", "if taken[name] + size / 2 <= ends[name]:", "if taken[name] <= ends[name]:",
        "tests/steps/test_barriers.py::test_one_large_component_fills_no_small_split",
    ),
    Mutant(
        "an empty split is published", "flows/publish.py", "        if empty:\n", "        if False:\n",
        "tests/flows/test_gates.py::test_an_empty_split_is_refused",
    ),
    Mutant(
        "known rows are kept like any others", "tasks/dedup/step.py", 'sort(pl.col("known").is_null(), "rank"', 'sort("rank"',
        "tests/flows/test_known.py::test_rows_of_an_earlier_dataset_are_dropped_and_each_names_its_row",
    ),
    Mutant(
        "earlier data are not checked", "flows/work/recalling.py", 'if not path.exists() or file_info(path, 0).sha256 != file["sha256"]:', "if False:",
        "tests/flows/test_known.py::test_what_is_not_there_or_not_whole_is_refused",
    ),
    Mutant(
        "the first of equal passages is cut too", "tasks/dedup/passages.py", 'pl.max_horizontal("start", "first_end")', 'pl.col("start")',
        "tests/flows/test_repeating.py::test_of_a_shared_passage_one_is_left_and_the_list_names_it",
    ),
    Mutant(
        "one column of like meaning is enough", "tasks/dedup/semantic.py", "least = np.min(", "least = np.max(",
        "tests/flows/test_semantic.py::test_the_column_that_is_least_near_decides",
    ),
    Mutant(
        "the certificate gives up too soon", "tasks/text/certifying.py", "if spare < 0 or", "if spare < 1 or",
        "tests/text/test_certifying.py::test_pairs_that_are_alike_are_found_and_no_others",
    ),
    Mutant(
        "earlier rows take each other", "tasks/dedup/step.py", "apart = ~(seen[left] & seen[right])", "apart = ~(seen[left] & ~seen[left])",
        "tests/flows/test_known.py::test_strict_drops_whatever_resembles_an_earlier_row_itself",
    ),
    Mutant(
        "vectors of nothing are compared", "tasks/dedup/semantic.py", "speaking = np.logical_and.reduce(known) &", "speaking = np.logical_or.reduce([part[:, 0] > -999 for part in held]) |",
        "tests/flows/test_semantic.py::test_texts_of_which_a_vector_says_nothing_resemble_none",
    ),
    Mutant(
        "tokens and dollars are added up", "tasks/growth/budget.py", 'self._account = f"{name}/{budget.unit}"', "self._account = name",
        "tests/growth/test_accounts.py::test_tokens_and_dollars_are_never_added_up",
    ),
    Mutant(
        "a lost call is forgotten when its answer comes by another way", "tasks/growth/budget.py", "times = self._taken_back(key, \"AND owner = ''\") or (not self._is_booked(key))", "times = not self._is_booked(key)",
        "tests/growth/test_accounts.py::test_an_answer_that_came_by_another_way_takes_what_was_set_aside_for_it",
    ),
    Mutant(
        "a call that never went out counts as lost", "tasks/growth/asking.py", "lost=attempts.unsure", "lost=attempts.unsure or 1",
        "tests/growth/test_accounts.py::test_a_call_that_never_went_out_costs_nothing",
    ),
    Mutant(
        "a call under way counts as nothing", "tasks/clients/llm.py", "return self.lost + self.under_way", "return self.lost",
        "tests/growth/test_accounts.py::test_a_call_that_is_under_way_when_the_build_is_stopped_may_be_billed",
    ),
    Mutant(
        "a batch that was refused uses up the budget", "tasks/growth/batching.py", "except BatchRefused:\n            self._purse.scatter()", "except BatchRefused:\n            pass",
        "tests/growth/test_accounts.py::test_a_batch_that_is_refused_takes_nothing_of_the_budget",
    ),
    Mutant(
        "a batch that was never sent uses up the budget", "tasks/growth/batching.py", "    purse.scatter()\n    tried", "    tried",
        "tests/growth/test_accounts.py::test_a_build_killed_before_its_batch_is_there_takes_nothing_of_the_budget",
    ),
    Mutant(
        "a batch that another build sends is taken back", "tasks/growth/budget.py", "DELETE FROM calls WHERE budget = ? AND owner IN (?, '')\nAND EXISTS", "DELETE FROM calls WHERE budget = ? AND owner != ?\nAND EXISTS",
        "tests/growth/test_accounts.py::test_a_batch_of_a_build_that_lives_is_not_taken_back",
    ),
    Mutant(
        "the worst of what is unknown is what is usual", "tasks/clients/llm.py", "if self.dearest else held.most", "if self.dearest else held.weight / 2",
        "tests/growth/test_accounts.py::test_the_worst_is_the_worst_whatever_was_seen_before",
    ),
    Mutant(
        "digits cost what words cost", "tasks/clients/model.py", "self.soft / 2 + self.hard + self.other", "(self.soft + self.hard) / 2 + self.other",
        "tests/growth/test_accounts.py::test_the_worst_is_the_worst_whatever_was_seen_before",
    ),
    Mutant(
        "tokens that are not told cost nothing", "tasks/clients/completions.py", "said if spoke else worst[1]", "said",
        "tests/clients/test_told.py::test_tokens_that_are_not_told_count_as_the_worst",
    ),
    Mutant(
        "thinking that stands in the total alone is free", "tasks/clients/completions.py", "said = max(said, both - asked)", "pass",
        "tests/clients/test_told.py::test_tokens_that_are_not_told_count_as_the_worst",
    ),
    Mutant(
        "a call that never reached a server counts as lost", "tasks/clients/llm.py", "not isinstance(error.__cause__ or error, unsent)", "True",
        "tests/clients/test_told.py::test_a_call_that_never_reached_a_server_is_not_billed",
    ),
    Mutant(
        "a lost call does not wait for room", "tasks/growth/asking.py", "and self._in_need < self._under_way:", "and False:",
        "tests/growth/test_rules.py::test_a_lost_call_waits_for_the_room_that_others_give_back",
    ),
    Mutant(
        "an answer that the server gave up is kept", "tasks/clients/completions.py", "if reason in FAILED:", "if False:",
        "tests/clients/test_told.py::test_an_answer_that_the_server_gave_up_is_asked_for_again",
    ),
    Mutant(
        "a rule of the whole is not kept", "tasks/growth/structure.py", "    if all(left):", "    if False:",
        "tests/growth/test_rules.py::test_an_object_that_breaks_a_rule_of_the_whole_is_refused",
    ),
    Mutant(
        "an endpoint that asks for a day is asked again", "tasks/clients/llm.py", "lambda: bool(self._closed)", "lambda: False",
        "tests/clients/test_told.py::test_an_endpoint_that_asks_to_wait_for_a_day_is_left_alone",
    ),
    Mutant(
        "answers beyond the first segment stay at home", "tasks/growth/ledger.py", "if len(rows) < MOST:", "if True:",
        "tests/growth/test_accounts.py::test_all_that_is_left_goes_to_the_store_at_the_end",
    ),
    Mutant(
        "lots see those that are asked with them", "tasks/growth/herd.py", "if first.setdefault(cell, block) != block:", "if False:",
        "tests/growth/test_strategies.py::test_another_threshold_in_growing_pays_nothing_again",
    ),
    Mutant(
        "what is made of one split is shown to another", "tasks/growth/growing.py", 'row.get("split") == own]', "True]",
        "tests/growth/test_strategies.py::test_what_is_made_of_one_split_is_shown_to_no_other",
    ),
    Mutant(
        "generations of one step have no cap", "tasks/growth/self_instruct.py", 'depths[row["id"]] < self.accept.depth', "True",
        "tests/growth/test_strategies.py::test_generations_within_a_step_are_counted",
    ),
    Mutant(
        "slots fill in what is held out", "tasks/growth/slots.py", "if not sides.strays(child)", "if True",
        "tests/growth/test_slots.py::test_children_that_are_nearer_to_another_split_are_not_made",
    ),
    Mutant(
        "a second reading undoes the first", "flows/review.py", "if before is None or before", "if True or before",
        "tests/flows/test_review.py::test_a_second_round_of_reading_keeps_what_the_first_corrected",
    ),
    Mutant(
        "half a pair is written", "tasks/published/sink.py", '("input", "output") if self.layout else ()', "()",
        "tests/growth/test_completing.py::test_half_a_pair_is_written_in_no_layout",
    ),
)  # fmt: skip


def killed(mutant: Mutant, folder: Path) -> bool:
    """Apply a mutant to a copy of the project and tell whether its test fails."""
    copy = folder / "project"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", "data", "__pycache__", ".mypy_cache", ".ruff_cache", ".hypothesis")
    )
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutant.old) < 1:
        raise SystemExit(f"{mutant.name}: {mutant.file} no longer holds what the mutant changes")
    path.write_text(text.replace(mutant.old, mutant.new, 1), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", mutant.test]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, env={**_environment(), "PYTHONPATH": str(copy)}, timeout=600)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{mutant.name}: {mutant.test} did not run\n{done.stdout[-2000:]}{done.stderr[-1000:]}")
    return done.returncode == 1


def _environment() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if not name.startswith("COV_")}


def _tried(mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return killed(mutant, Path(folder))


def main() -> int:
    """Try every mutant, or those whose name holds an argument; give 1 where one lives."""
    chosen = [mutant for mutant in MUTANTS if not sys.argv[1:] or any(word in mutant.name for word in sys.argv[1:])]
    alive = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for mutant, dead in zip(chosen, pool.map(_tried, chosen), strict=True):
            alive += not dead
            print(f"{'killed' if dead else 'ALIVE '} {mutant.name} ({mutant.test.rpartition('::')[2]})", flush=True)
    print(f"{len(chosen) - alive} of {len(chosen)} mutants killed")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
