//! The tests that every engine runs, each written once: an engine's own tests name it, and have them all.
//!
//! ```ignore
//! const ENGINE: Engine = Engine::of::<Tokio>();
//! chat_conformance::suites!(crate::ENGINE);
//! ```
//!
//! A suite is a module; each of its tests is a function that is given the [`Engine`](chat_server::testing::Engine), and stands in the
//! lists below, of which the macros make a `#[test]` each. Beside them is what tests of several packages need: a player of
//! transcripts, a strict reader of server lines, a witness that knows what a client may be told, and programs as children.
//!
//! This is a dev-dependency of integration tests. The unit tests of `chat_server` cannot use it: for them its `chat_server` is another
//! crate than their own.

pub mod comfort;
pub mod fairness;
pub mod folders;
pub mod goodbyes;
pub mod invariants;
pub mod lifecycle;
pub mod limits;
pub mod load;
pub mod play;
pub mod program;
#[cfg(target_os = "linux")]
pub mod programs {
    //! Suites in which real programs are the clients.
    pub mod comfort;
    pub mod netcat;
    pub mod strangers;
    pub mod telnet;
}
pub mod soak;
pub mod tcp;
pub mod transcripts;
pub mod trio;
pub mod wire;
pub mod witness;

/// Every suite on an engine, which is given by the path of a constant.
#[macro_export]
macro_rules! suites {
    ($engine:path) => {
        $crate::suite! { $engine, comfort:
            the_mode_is_offered_agreed_to_used_and_given_back
            a_client_that_refuses_has_its_line_mode_back
            a_password_is_hidden_in_a_client_that_speaks_telnet_and_in_no_other
            keys_need_no_name_and_count_for_nothing
            a_key_that_is_cut_is_one_key
            what_is_cleared_before_enter_is_cleared_before_it_is_said
            a_refused_prompt_takes_no_line_and_an_accepted_one_speaks_none
            what_is_hidden_is_shown_again_however_the_prompt_ends
        }
        $crate::suite! { $engine, fairness:
            whoever_does_not_read_is_told_what_was_missed_then_let_go_and_delays_nobody
            a_slow_reader_that_reads_again_has_a_gap_where_lines_are_missing
            one_flooder_does_not_hold_up_the_others
            those_who_never_pause_do_not_hold_up_the_others
            whoever_asks_as_telnet_and_reads_no_answer_is_not_read_from
            many_long_answers_at_once_are_not_slow_reading
        }
        $crate::suite! { $engine, goodbyes:
            who_quits_and_speaks_on_sees_the_bye
            who_is_let_go_for_what_it_sends_sees_why
            who_speaks_another_protocol_sees_the_answer
            who_is_sent_away_in_the_middle_of_a_flood_sees_why
            a_flood_does_not_keep_from_seeing_that_the_server_stops
            who_speaks_only_when_it_is_let_go_is_not_reset
            who_has_no_name_in_time_and_then_speaks_is_not_reset
        }
        $crate::suite! { $engine, invariants:
            ten_clients_and_whatever_they_do_keep_the_invariants
        }
        $crate::suite! { $engine, lifecycle:
            whoever_never_gave_a_name_leaves_no_trace
            a_half_close_is_a_goodbye_after_all_answers
            a_name_is_free_as_soon_as_its_owner_is_gone
            who_whispered_to_a_guest_whose_line_breaks_is_told
            who_whispered_to_a_guest_of_whom_nothing_is_heard_is_told
            one_name_goes_to_one_of_many_who_want_it
            everybody_hears_an_announcement
            the_end_tells_everybody_and_joins_every_thread
            the_end_comes_in_the_middle_of_much_talk
            a_router_that_breaks_down_ends_the_server_and_all_clients_are_told
            whoever_takes_nothing_is_cut_when_the_time_for_the_end_is_over
            a_second_shutdown_does_no_harm
        }
        $crate::suite! { $engine, limits:
            a_full_server_says_so_and_has_a_place_when_somebody_leaves
            one_address_cannot_take_every_place
            limits_can_change_while_people_are_here
            a_name_must_come_in_time_and_a_slow_drip_does_not_help
            whoever_has_a_name_is_not_bound_by_the_sign_on_limit
            the_time_for_a_name_ends_also_while_the_pace_holds_a_line_back
            before_a_name_little_is_taken_and_little_is_given
            much_in_one_go_is_fine_if_a_name_comes_first
            the_idle_are_warned_and_any_line_keeps_them
            a_line_that_is_never_finished_ends_it
            a_paste_is_slowed_down_once_told_and_nothing_is_lost
            lines_of_a_paste_that_may_not_begin_are_no_commands
            who_pastes_much_is_not_muted
            who_leaves_in_the_middle_of_a_paste_is_told_that_it_was_not_said
            who_is_turned_away_and_speaks_on_can_still_read_why
        }
        $crate::suite! { $engine, load:
            five_hundred_people_hear_everything_once_and_in_one_order
        }
        $crate::suite! { $engine, soak:
            #[ignore = "takes as long as SOAK_SECS says, 10 seconds by default"]
            soak_survivors_have_everything_or_are_told_what_is_missing
        }
        $crate::suite! { $engine, transcripts:
            every_transcript_over_tcp
            every_conversation_of_the_manual_over_tcp
        }
    };
}

/// Every suite with real programs on an engine whose door is plain TCP; on Linux only.
#[macro_export]
macro_rules! suites_of_programs {
    ($engine:path) => {
        $crate::suite! { $engine, (programs) comfort:
            a_message_does_not_break_the_line_that_is_typed
            the_numbers_of_lines_can_be_used
            keys_take_back_what_a_person_takes_for_one
            arrows_move_and_bring_back_what_was_said
            a_prompt_says_that_nothing_is_shown_and_is_left_by_enter
            a_long_line_and_a_window_that_changes_leave_nothing_behind
            a_password_is_not_shown_and_the_client_is_itself_again_afterwards
        }
        $crate::suite! { $engine, (programs) netcat:
            a_script_says_its_line_gets_its_answers_and_ends
            the_end_of_the_input_is_a_goodbye_and_its_last_line_needs_no_end
            crlf_of_a_netcat_that_makes_it_is_one_line_end
            a_line_too_long_and_one_that_is_no_text_cost_one_answer_each
            looking_whether_somebody_listens_disturbs_nobody
            a_person_with_netcat_talks_with_one_who_has_another
            a_script_at_a_full_server_always_sees_why_it_is_turned_away
            a_script_that_speaks_on_behind_its_end_sees_the_bye
        }
        $crate::suite! { $engine, (programs) strangers:
            a_browser_is_told_and_its_request_never_reaches_the_chat
            ssh_and_irc_are_told_in_one_line_of_their_own
            tls_is_let_go_at_its_first_bytes
            socks_is_let_go_at_its_first_bytes
            curl_shows_its_user_where_to_go
            curl_can_chat_too
            putty_speaks_first_and_is_refused_each_wish
            every_line_end_is_one_also_when_it_comes_in_two_pieces
            backspace_that_still_arrives_takes_a_whole_letter
            the_server_says_nothing_of_telnet_and_nothing_without_a_line_end
            nobody_reaches_the_chat_by_being_a_stranger_later
            the_answer_to_ctrl_c_comes_before_all_words
        }
        $crate::suite! { $engine, (programs) telnet:
            a_person_joins_talks_is_heard_and_leaves
            ctrl_c_takes_the_line_and_leaves_telnet_neither_deaf_nor_dumb
            letters_that_telnet_eats_are_put_back
            a_letter_that_telnet_loses_is_told_with_a_remedy
            ctrl_d_leaves
            plain_lines_help_and_mistakes_read_well
            what_others_type_cannot_touch_the_terminal
        }
    };
}

/// One suite as a module of tests.
#[doc(hidden)]
#[macro_export]
macro_rules! suite {
    ($engine:path, $(($folder:ident))? $suite:ident: $($(#[$attribute:meta])* $test:ident)*) => {
        mod $suite {
            use $crate::$($folder::)?$suite as suite;

            $(
                #[test]
                $(#[$attribute])*
                fn $test() {
                    suite::$test($engine);
                }
            )*
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    /// The tests of a suite's file.
    fn tests(file: &str) -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let names = text.lines().filter_map(|line| line.strip_prefix("pub fn ")?.split_once("(engine: Engine)"));
        names.map(|(name, _)| name.to_string()).collect()
    }

    /// What is not in the lists would be run by no engine.
    #[test]
    fn every_test_of_every_suite_is_listed() {
        let lists = include_str!("lib.rs");
        let listed: Vec<(&str, BTreeSet<String>)> = lists
            .split("$crate::suite! { $engine, ")
            .skip(1)
            .filter_map(|rest| rest.split_once('}')?.0.split_once(":\n"))
            .map(|(suite, tests)| {
                let tests = tests.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
                (suite, tests.map(String::from).collect())
            })
            .collect();
        for (suite, listed) in &listed {
            assert_eq!(tests(&format!("{}.rs", suite.replace("(programs) ", "programs/"))), *listed, "{suite}");
        }
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for folder in ["", "programs/"] {
            for entry in fs::read_dir(src.join(folder)).expect("the sources") {
                let file = format!("{folder}{}", entry.expect("an entry").file_name().to_string_lossy());
                let suite = file.trim_end_matches(".rs").replace("programs/", "(programs) ");
                if file.ends_with(".rs") && !tests(&file).is_empty() {
                    assert!(listed.iter().any(|(name, _)| *name == suite), "{suite} is in no list");
                }
            }
        }
    }
}
