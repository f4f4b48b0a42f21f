# Run by `cmake --install`: what depends on the prefix. Units, users and folders where systemd looks
# below /usr and /usr/local; the configuration in /etc/weir for both, else in PREFIX/etc/weir.
set(BIN ${CMAKE_INSTALL_PREFIX}/${WEIR_BINDIR})
set(DOC ${CMAKE_INSTALL_PREFIX}/${WEIR_DOCDIR})
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?$")
    set(ETC /etc)
else()
    set(ETC ${CMAKE_INSTALL_PREFIX}/etc)
endif()

if(CMAKE_INSTALL_DO_STRIP) # cmake --install --strip; a renamed program is none of its targets
    foreach(program ingestor server)
        execute_process(COMMAND ${WEIR_STRIP} $ENV{DESTDIR}${BIN}/weir-${program} COMMAND_ERROR_IS_FATAL ANY)
    endforeach()
endif()

set(placed ${WEIR_MADE}/placed)
foreach(unit weir-ingestor.service weir-server.service)
    configure_file(${WEIR_PACKAGING}/systemd/${unit}.in ${placed}/${unit} @ONLY)
endforeach()
file(INSTALL ${placed}/weir-ingestor.service ${placed}/weir-server.service ${WEIR_PACKAGING}/systemd/weir.target
    DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
file(INSTALL ${WEIR_PACKAGING}/systemd/weir.sysusers RENAME weir.conf DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d)
file(INSTALL ${WEIR_PACKAGING}/systemd/weir.tmpfiles RENAME weir.conf DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/tmpfiles.d)

# Debian's zsh looks elsewhere below /usr.
set(zsh zsh/site-functions)
if(CMAKE_INSTALL_PREFIX STREQUAL /usr)
    set(zsh zsh/vendor-completions)
endif()
foreach(program ingestor server)
    if(EXISTS ${WEIR_MADE}/zsh/weir-${program})
        file(INSTALL ${WEIR_MADE}/zsh/weir-${program} RENAME _weir-${program}
            DESTINATION ${CMAKE_INSTALL_PREFIX}/${WEIR_DATADIR}/${zsh})
    endif()
endforeach()

# The operator's own is never overwritten.
if(EXISTS $ENV{DESTDIR}${ETC}/weir/weir.json)
    message(STATUS "Kept: $ENV{DESTDIR}${ETC}/weir/weir.json")
else()
    configure_file(${WEIR_PACKAGING}/weir.json.in ${placed}/weir.json @ONLY)
    file(INSTALL ${placed}/weir.json DESTINATION ${ETC}/weir)
endif()
