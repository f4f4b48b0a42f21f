# What `cmake --install` puts where (GNUInstallDirs), and what CPack makes a .deb of. The programs
# are installed as weir-ingestor and weir-server.
include(GNUInstallDirs)

set(WEIR_MADE ${CMAKE_BINARY_DIR}/packaging)
set(WEIR_PACKAGING ${CMAKE_SOURCE_DIR}/packaging)

# --- manual pages and completions, made from the programs' own tables -----------------------------
# A sanitizer's build is not installed; and what it finds is for the tests, not for the build.
find_package(Python3 3.9 COMPONENTS Interpreter)
if(Python3_Interpreter_FOUND AND NOT WEIR_SANITIZE AND NOT WEIR_COVERAGE)
    set(pages ${WEIR_PACKAGING}/man/pages.py)
    set(completions ${WEIR_PACKAGING}/completion/completions.py)
    foreach(program ingestor server)
        # Under scripts/cross the emulator runs it.
        add_custom_command(OUTPUT ${WEIR_MADE}/${program}.json
            COMMAND ${program} --print-options > ${WEIR_MADE}/${program}.json DEPENDS ${program})
        foreach(shell bash zsh fish)
            set(out ${WEIR_MADE}/${shell}/weir-${program})
            add_custom_command(OUTPUT ${out}
                COMMAND ${Python3_EXECUTABLE} -B ${completions} ${shell} ${WEIR_MADE}/${program}.json > ${out}
                DEPENDS ${completions} ${WEIR_MADE}/${program}.json)
            list(APPEND made ${out})
        endforeach()
    endforeach()
    foreach(page weir-ingestor.8 weir-server.8 weir.json.5)
        set(out ${WEIR_MADE}/${page})
        add_custom_command(OUTPUT ${out}
            COMMAND ${Python3_EXECUTABLE} -B ${pages} ${WEIR_PACKAGING}/man/${page}.in
                ${WEIR_MADE}/ingestor.json ${WEIR_MADE}/server.json > ${out}
            DEPENDS ${pages} ${WEIR_PACKAGING}/man/${page}.in ${WEIR_MADE}/ingestor.json ${WEIR_MADE}/server.json)
        list(APPEND made ${out})
    endforeach()
    file(MAKE_DIRECTORY ${WEIR_MADE}/bash ${WEIR_MADE}/zsh ${WEIR_MADE}/fish)
    add_custom_target(manuals ALL DEPENDS ${made})

    install(FILES ${WEIR_MADE}/weir-ingestor.8 ${WEIR_MADE}/weir-server.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
    install(FILES ${WEIR_MADE}/weir.json.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
    foreach(program ingestor server)
        install(FILES ${WEIR_MADE}/bash/weir-${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
        install(FILES ${WEIR_MADE}/fish/weir-${program} RENAME weir-${program}.fish
            DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
    endforeach()
else()
    message(STATUS "Weir: no python3 (or a build for tests): without manual pages and completions")
endif()

# --- programs, documentation ----------------------------------------------------------------------
foreach(program ingestor server)
    install(PROGRAMS $<TARGET_FILE:${program}> DESTINATION ${CMAKE_INSTALL_BINDIR} RENAME weir-${program})
endforeach()
install(FILES README.md config.example.json LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES packaging/proxy/nginx.conf packaging/proxy/haproxy.cfg packaging/proxy/Caddyfile packaging/prometheus/weir.rules.yml
    DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES packaging/prometheus/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples RENAME weir.rules.md)
install(FILES packaging/grafana/weir.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples RENAME weir-grafana.json)

# --- what names the prefix, which is known when it is installed -----------------------------------
install(CODE "
    set(WEIR_MADE \"${WEIR_MADE}\")
    set(WEIR_PACKAGING \"${WEIR_PACKAGING}\")
    set(WEIR_BINDIR \"${CMAKE_INSTALL_BINDIR}\")
    set(WEIR_DOCDIR \"${CMAKE_INSTALL_DOCDIR}\")
    set(WEIR_DATADIR \"${CMAKE_INSTALL_DATADIR}\")
    set(WEIR_STRIP \"${CMAKE_STRIP}\")")
install(SCRIPT ${WEIR_PACKAGING}/place.cmake)

include(${WEIR_PACKAGING}/debian/package.cmake)
